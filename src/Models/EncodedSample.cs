using Lorikeet.Imaging;
using Lorikeet.Imaging.Video;
using Lorikeet.Text.Chat;

namespace Lorikeet.Models;

/// <summary>Which tokens carry loss.</summary>
public enum LossOn
{
    /// <summary>Every assistant turn, from the end of its generation prompt to its end.</summary>
    AssistantTurns,

    /// <summary>The last assistant turn only.</summary>
    LastTurn,

    /// <summary>Every token, image tokens included.</summary>
    AllTokens,

    /// <summary>None: a prompt.</summary>
    Nothing,

    /// <summary>What the training script that was published with the model supervises; only families with one that differs have it.</summary>
    Published,
}

/// <summary>How pictures are treated before the family's own processing.</summary>
public sealed record ImageOptions
{
    /// <summary>What becomes of transparency.</summary>
    public AlphaHandling Alpha { get; init; }

    /// <summary>Whether a camera's orientation mark is obeyed.</summary>
    public bool ApplyExif { get; init; }

    /// <summary>How pictures are made smaller before the family's processing, or null.</summary>
    public PictureReduction? Reduction { get; init; }

    /// <summary>Longest edge in pixels instead of the processor's own, or null.</summary>
    public int? LongestEdge { get; init; }

    /// <summary>Least area in pixels instead of the processor's own, for families that resize to a range of areas; or null.</summary>
    public int? MinPixels { get; init; }

    /// <summary>Greatest area in pixels instead of the processor's own, for families that resize to a range of areas; or null.</summary>
    public int? MaxPixels { get; init; }

    /// <summary>Whether large pictures are cut into tiles; null: as the processor is configured.</summary>
    public bool? DoImageSplitting { get; init; }

    /// <summary>What is asked of videos that their rows do not ask for themselves.</summary>
    public VideoSettings Video { get; init; } = new();

    /// <summary>The same for pictures that went through <see cref="Prepare"/>.</summary>
    public ImageOptions AfterPreparing() => this with { ApplyExif = false, Reduction = null };

    /// <summary>A picture as the family's processing takes it: upright where marks are obeyed, and made smaller.</summary>
    public Image Prepare(Image image)
    {
        ArgumentNullException.ThrowIfNull(image);
        image = ApplyExif ? image.Upright() : image;
        var size = new PixelSize(image.Width, image.Height);
        return SizeAfter(size) == size ? image : Reduction!.Apply(Alpha == AlphaHandling.White ? image.OnWhite() : image);
    }

    /// <summary>The size that <see cref="Prepare"/> gives a picture of a size, upright where marks are obeyed.</summary>
    public PixelSize SizeAfter(PixelSize size) => Reduction?.SizeAfter(size) ?? size;
}

/// <summary>How a conversation becomes tokens.</summary>
public sealed record EncodeOptions
{
    /// <summary>Which tokens carry loss.</summary>
    public LossOn Loss { get; init; }

    /// <summary>Whether the text ends with the opening of an assistant turn.</summary>
    public bool AddGenerationPrompt { get; init; }

    /// <summary>Treatment of pictures.</summary>
    public ImageOptions Images { get; init; } = new();

    /// <summary>Further variables of the chat template.</summary>
    public IReadOnlyDictionary<string, object?> TemplateVariables { get; init; } = new Dictionary<string, object?>();
}

/// <summary>A conversation as tokens, with its pictures prepared.</summary>
/// <param name="Ids">Token ids.</param>
/// <param name="Labels">The token itself where it is supervised, else <see cref="TokenBatch.Ignored"/>.</param>
/// <param name="Rendered">The chat template's text, before image tokens are multiplied.</param>
/// <param name="Layout">What becomes of its pictures, or null where it has none.</param>
/// <param name="Pixels">The pictures in the family's own form; null where it has none, or where only sizes were given.</param>
public sealed record EncodedSample(int[] Ids, int[] Labels, string Rendered, ImageLayout? Layout, object? Pixels)
{
    /// <summary>Number of pictures and videos.</summary>
    public int ImageCount => Layout?.Pictures.Count ?? 0;

    /// <summary>Number of supervised tokens that have a token before them.</summary>
    public int Supervised => Labels.Skip(1).Count(label => label != TokenBatch.Ignored);
}

/// <summary>A conversation with its pictures.</summary>
/// <param name="Messages">The turns.</param>
/// <param name="Images">Decoded pictures, in the order of their places in the messages.</param>
public sealed record Conversation(IReadOnlyList<ChatMessage> Messages, IReadOnlyList<Image> Images)
{
    /// <summary>Videos, in the order of their places in the messages.</summary>
    public IReadOnlyList<VideoClip> Videos { get; init; } = [];
}
