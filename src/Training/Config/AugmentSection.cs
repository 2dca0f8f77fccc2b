using Lorikeet.Data.Augment;
using Lorikeet.Training.Config.Binding;

namespace Lorikeet.Training.Config;

/// <summary>Random changes to training samples, new in every epoch; a section that is absent does not take place. Evaluation samples are never changed.</summary>
public sealed record AugmentSection
{
    /// <summary>Keep a random part of each picture.</summary>
    public RandomResizedCropSection? RandomResizedCrop { get; init; }

    /// <summary>Exchange left and right.</summary>
    public FlipSection? HorizontalFlip { get; init; }

    /// <summary>Exchange top and bottom.</summary>
    public FlipSection? VerticalFlip { get; init; }

    /// <summary>Apply random operations of RandAugment.</summary>
    [Key("randaugment")]
    public RandAugmentSection? RandAugment { get; init; }

    /// <summary>Change colours at random.</summary>
    public ColorJitterSection? ColorJitter { get; init; }

    /// <summary>Replace words of the text by synonyms.</summary>
    public SynonymsSection? Synonyms { get; init; }

    /// <summary>Whether anything takes place.</summary>
    internal bool IsEmpty => this == new AugmentSection();

    /// <summary>The options of the augmentation.</summary>
    internal AugmentOptions ToOptions() => new()
    {
        RandomResizedCrop = RandomResizedCrop is { } crop
            ? new CropOptions { Probability = crop.Probability, SkipWhenTextMatches = crop.SkipWhenTextMatches, Scale = (crop.Scale[0], crop.Scale[^1]), Ratio = (crop.Ratio[0], crop.Ratio[^1]), Size = crop.Size }
            : null,
        HorizontalFlip = HorizontalFlip?.ToOptions(),
        VerticalFlip = VerticalFlip?.ToOptions(),
        RandAugment = RandAugment is { } augment
            ? new RandAugmentOptions
            {
                Probability = augment.Probability,
                SkipWhenTextMatches = augment.SkipWhenTextMatches,
                NumOps = augment.NumOps,
                Magnitude = augment.Magnitude,
                NumMagnitudeBins = augment.NumMagnitudeBins,
                Fill = (byte)augment.Fill,
                Operations = augment.Operations,
            }
            : null,
        ColorJitter = ColorJitter is { } jitter
            ? new ColorJitterOptions { Probability = jitter.Probability, SkipWhenTextMatches = jitter.SkipWhenTextMatches, Brightness = jitter.Brightness, Contrast = jitter.Contrast, Saturation = jitter.Saturation, Hue = jitter.Hue }
            : null,
        Synonyms = Synonyms is { } synonyms
            ? new SynonymOptions
            {
                File = synonyms.File ?? "",
                Probability = synonyms.Probability,
                Roles = [.. synonyms.Roles.Select(r => r.ToString().ToLowerInvariant())],
            }
            : null,
    };

    /// <summary>What is wrong with the values, by the key below <c>data.augment</c>.</summary>
    internal IEnumerable<(string Key, string Message)> Problems()
    {
        (string, string)[] own =
        [
            .. Pair("random_resized_crop.scale", RandomResizedCrop?.Scale), .. Pair("random_resized_crop.ratio", RandomResizedCrop?.Ratio),
            .. Synonyms is { File: null } ? new[] { ("synonyms.file", "is required: the word list") } : [],
        ];
        return own.Length > 0 ? own : ToOptions().Problems();
    }

    private static (string, string)[] Pair(string key, IReadOnlyList<double>? bounds) =>
        bounds is null or { Count: 2 } ? [] : [(key, FormattableString.Invariant($"expected two numbers, found {bounds.Count}"))];
}

/// <summary>A random part of a picture, as torchvision's RandomResizedCrop.</summary>
public sealed record RandomResizedCropSection
{
    /// <summary>How often it takes place.</summary>
    [Bounds(Min = 0, Max = 1)]
    public double Probability { get; init; } = 1;

    /// <summary>Least and greatest share of the area that is kept.</summary>
    public IReadOnlyList<double> Scale { get; init; } = [0.08, 1];

    /// <summary>Least and greatest aspect ratio of the part, width by height.</summary>
    public IReadOnlyList<double> Ratio { get; init; } = [3.0 / 4, 4.0 / 3];

    /// <summary>Edge in pixels of the square that the part is resized to; null leaves its size to the model's processor.</summary>
    [Bounds(Min = 1, Max = 16384)]
    public int? Size { get; init; }

    /// <summary>Words or phrases in whose presence a sample's pictures are left whole; case does not matter.</summary>
    public IReadOnlyList<string> SkipWhenTextMatches { get; init; } = [];
}

/// <summary>A mirror image.</summary>
public sealed record FlipSection
{
    /// <summary>How often it takes place, for all pictures of a sample together.</summary>
    [Bounds(Min = 0, Max = 1)]
    public double Probability { get; init; } = 0.5;

    /// <summary>Words or phrases in whose presence a sample is not flipped; case does not matter.</summary>
    public IReadOnlyList<string> SkipWhenTextMatches { get; init; } = [];

    /// <summary>Words that change places in the text of a flipped sample, such as {left: right}; each pair works in both directions.</summary>
    public IReadOnlyDictionary<string, string> SwapWords { get; init; } = new Dictionary<string, string>();

    /// <summary>The options of the augmentation.</summary>
    internal FlipOptions ToOptions() => new() { Probability = Probability, SkipWhenTextMatches = SkipWhenTextMatches, SwapWords = SwapWords };
}

/// <summary>RandAugment; names, operations and magnitudes as torchvision has them.</summary>
public sealed record RandAugmentSection
{
    /// <summary>How often a picture is changed.</summary>
    [Bounds(Min = 0, Max = 1)]
    public double Probability { get; init; } = 1;

    /// <summary>Operations that a picture goes through.</summary>
    [Bounds(Min = 0, Max = 100)]
    public int NumOps { get; init; } = 2;

    /// <summary>Strength of the operations, from 0 to num_magnitude_bins - 1.</summary>
    [Bounds(Min = 0)]
    public int Magnitude { get; init; } = 9;

    /// <summary>Number of strengths.</summary>
    [Bounds(Min = 2)]
    public int NumMagnitudeBins { get; init; } = 31;

    /// <summary>Level, 0 black to 255 white, of what comes in from outside the picture.</summary>
    [Bounds(Min = 0, Max = 255)]
    public int Fill { get; init; }

    /// <summary>The operations to draw from; empty for the paper's 14, which are all but invert.</summary>
    public IReadOnlyList<RandAugmentOperation> Operations { get; init; } = [];

    /// <summary>Words or phrases in whose presence a sample's pictures are left alone; case does not matter.</summary>
    public IReadOnlyList<string> SkipWhenTextMatches { get; init; } = [];
}

/// <summary>Random colours, as torchvision's ColorJitter.</summary>
public sealed record ColorJitterSection
{
    /// <summary>How often a picture is changed.</summary>
    [Bounds(Min = 0, Max = 1)]
    public double Probability { get; init; } = 1;

    /// <summary>The factor of brightness lies between 1 - this (at least 0) and 1 + this.</summary>
    [Bounds(Min = 0)]
    public double Brightness { get; init; }

    /// <summary>The factor of contrast lies between 1 - this (at least 0) and 1 + this.</summary>
    [Bounds(Min = 0)]
    public double Contrast { get; init; }

    /// <summary>The factor of saturation lies between 1 - this (at least 0) and 1 + this.</summary>
    [Bounds(Min = 0)]
    public double Saturation { get; init; }

    /// <summary>Largest turn of the hue, as a part of the circle.</summary>
    [Bounds(Min = 0, Max = 0.5)]
    public double Hue { get; init; }

    /// <summary>Words or phrases in whose presence a sample's pictures are left alone; case does not matter.</summary>
    public IReadOnlyList<string> SkipWhenTextMatches { get; init; } = [];
}

/// <summary>Synonym replacement.</summary>
public sealed record SynonymsSection
{
    /// <summary>The word list, one group a line: "big, large, huge", or "sofa: couch" for one direction.</summary>
    [FilePath]
    public string? File { get; init; }

    /// <summary>How often a word of the list is replaced.</summary>
    [Bounds(Min = 0, Max = 1)]
    public double Probability { get; init; } = 0.1;

    /// <summary>Whose words may be replaced.</summary>
    public IReadOnlyList<SpeakingRole> Roles { get; init; } = [SpeakingRole.User];
}

/// <summary>Who speaks in a conversation.</summary>
public enum SpeakingRole
{
    /// <summary>The user: questions.</summary>
    User,

    /// <summary>The assistant: answers, which are trained on.</summary>
    Assistant,

    /// <summary>The system message.</summary>
    System,
}
