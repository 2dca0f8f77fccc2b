using Lorikeet.Training.Config.Binding;

namespace Lorikeet.Training.Config;

/// <summary>Reuse of what frozen parts compute.</summary>
public sealed record CacheSection
{
    /// <summary>Keep the outputs of a frozen vision tower from one epoch to the next.</summary>
    public CacheUse VisionFeatures { get; init; } = CacheUse.Auto;

    /// <summary>Where they are kept; by default inside the output directory.</summary>
    [FilePath]
    public string? Directory { get; init; }

    /// <summary>Largest size in bytes.</summary>
    [Bounds(Min = 1)]
    public long? MaxBytes { get; init; }
}

/// <summary>Whether a cache is used.</summary>
public enum CacheUse
{
    /// <summary>Where it is possible and pays.</summary>
    Auto,

    /// <summary>Always; impossible is an error.</summary>
    On,

    /// <summary>Never.</summary>
    Off,
}
