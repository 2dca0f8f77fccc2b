namespace Lorikeet.Data.Augment;

/// <summary>Random changes to training samples; what is null does not take place. Names and defaults are torchvision's.</summary>
public sealed record AugmentOptions
{
    /// <summary>Crops that keep a random part of each picture.</summary>
    public CropOptions? RandomResizedCrop { get; init; }

    /// <summary>Left and right exchanged.</summary>
    public FlipOptions? HorizontalFlip { get; init; }

    /// <summary>Top and bottom exchanged.</summary>
    public FlipOptions? VerticalFlip { get; init; }

    /// <summary>Some of 14 operations, drawn for each picture.</summary>
    public RandAugmentOptions? RandAugment { get; init; }

    /// <summary>Random brightness, contrast, saturation and hue.</summary>
    public ColorJitterOptions? ColorJitter { get; init; }

    /// <summary>Words of the text replaced by others of the same meaning.</summary>
    public SynonymOptions? Synonyms { get; init; }

    /// <summary>What is out of range: keys below <c>data.augment</c>, and what was expected there.</summary>
    public IEnumerable<(string Key, string Message)> Problems() => AugmentChecks.Problems(this);
}

/// <summary>What every change of pictures has: how often, and which texts forbid it.</summary>
public abstract record PictureChange
{
    /// <summary>How often it takes place, 0 to 1.</summary>
    public double Probability { get; init; } = 1;

    /// <summary>Words (or phrases) that forbid the change where the conversation contains one of them; case does not matter.</summary>
    public IReadOnlyList<string> SkipWhenTextMatches { get; init; } = [];
}

/// <summary>A random part of a picture. Source: torchvision's RandomResizedCrop.</summary>
public sealed record CropOptions : PictureChange
{
    /// <summary>Least and greatest share of the area that is kept, above 0 and up to 1.</summary>
    public (double Low, double High) Scale { get; init; } = (0.08, 1);

    /// <summary>Least and greatest aspect ratio, width by height, of the part.</summary>
    public (double Low, double High) Ratio { get; init; } = (3.0 / 4, 4.0 / 3);

    /// <summary>Edge in pixels of the square that the part is resized to; null leaves its size to the model's processor.</summary>
    public int? Size { get; init; }
}

/// <summary>A mirror image. All pictures of a sample are flipped together.</summary>
public sealed record FlipOptions : PictureChange
{
    /// <summary>Pairs of words that change places in the text of a flipped sample, such as left and right.</summary>
    public IReadOnlyDictionary<string, string> SwapWords { get; init; } = new Dictionary<string, string>();
}

/// <summary>Operations of RandAugment. Source: Cubuk et al. 2019, "RandAugment"; magnitudes are torchvision's.</summary>
public sealed record RandAugmentOptions : PictureChange
{
    /// <summary>Operations per picture, drawn with replacement.</summary>
    public int NumOps { get; init; } = 2;

    /// <summary>Strength, 0 to <see cref="NumMagnitudeBins"/> - 1.</summary>
    public int Magnitude { get; init; } = 9;

    /// <summary>Number of strengths.</summary>
    public int NumMagnitudeBins { get; init; } = 31;

    /// <summary>Grey level of what comes in from outside the picture.</summary>
    public byte Fill { get; init; }

    /// <summary>The operations to draw from; empty for the 14 of the paper.</summary>
    public IReadOnlyList<RandAugmentOperation> Operations { get; init; } = [];
}

/// <summary>Random changes of colour. Source: torchvision's ColorJitter.</summary>
public sealed record ColorJitterOptions : PictureChange
{
    /// <summary>The factor lies between 1 - this (at least 0) and 1 + this.</summary>
    public double Brightness { get; init; }

    /// <summary>As <see cref="Brightness"/>.</summary>
    public double Contrast { get; init; }

    /// <summary>As <see cref="Brightness"/>.</summary>
    public double Saturation { get; init; }

    /// <summary>Largest turn of the hue, as a part of the circle, 0 to 0.5.</summary>
    public double Hue { get; init; }
}

/// <summary>Synonym replacement.</summary>
public sealed record SynonymOptions
{
    /// <summary>The word list; its form is described at <see cref="SynonymList"/>.</summary>
    public required string File { get; init; }

    /// <summary>How often a word that the list knows is replaced, 0 to 1.</summary>
    public double Probability { get; init; } = 0.1;

    /// <summary>Whose words may be replaced: <c>user</c>, <c>assistant</c>, <c>system</c>.</summary>
    public IReadOnlyList<string> Roles { get; init; } = ["user"];
}
