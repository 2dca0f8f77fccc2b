using Lorikeet.Imaging;
using Lorikeet.Text.Chat;

namespace Lorikeet.Data.Augment;

/// <summary>What happens to one sample in one epoch, decided from its text and the sizes of its pictures alone.</summary>
public sealed class AugmentPlan
{
    private readonly IReadOnlyList<IReadOnlyList<PictureStep>> _steps;

    internal AugmentPlan(IReadOnlyList<ChatMessage> messages, IReadOnlyList<PixelSize> sizes, IReadOnlyList<IReadOnlyList<PictureStep>> steps, AugmentCounts counts)
    {
        Messages = messages;
        Sizes = sizes;
        _steps = steps;
        Counts = counts;
    }

    /// <summary>The conversation with its words changed.</summary>
    public IReadOnlyList<ChatMessage> Messages { get; }

    /// <summary>Size of each picture afterwards.</summary>
    public IReadOnlyList<PixelSize> Sizes { get; }

    /// <summary>What was drawn, for the report of a run.</summary>
    public AugmentCounts Counts { get; }

    /// <summary>What happens to a picture, in words and in order; empty for nothing.</summary>
    public IReadOnlyList<string> Describe(int picture) => [.. _steps[picture].Select(step => step.Description)];

    /// <summary>Changes the pictures. CMYK and 16-bit pictures become RGB when something happens to them.</summary>
    /// <param name="images">The pictures, of the sizes that the plan was made for.</param>
    public IReadOnlyList<Image> Apply(IReadOnlyList<Image> images)
    {
        ArgumentNullException.ThrowIfNull(images);
        if (images.Count != _steps.Count)
        {
            throw new ArgumentException($"the plan is for {_steps.Count} pictures, got {images.Count}.", nameof(images));
        }

        return [.. images.Select((image, i) => _steps[i].Count == 0 ? image : _steps[i].Aggregate(Editable(image), (current, step) => step.Apply(current)))];
    }

    private static Image Editable(Image image) => image.Mode is PixelMode.CMYK or PixelMode.I16 ? image.ToRgb() : image;
}

/// <summary>A sample after augmentation.</summary>
/// <param name="Messages">The conversation.</param>
/// <param name="Images">The pictures.</param>
/// <param name="Counts">What was done.</param>
public sealed record AugmentedSample(IReadOnlyList<ChatMessage> Messages, IReadOnlyList<Image> Images, AugmentCounts Counts);
