namespace Lorikeet.Imaging.Video;

/// <summary>Caps on what is read of a video file.</summary>
public sealed record VideoLimits
{
    /// <summary>The caps used where none are given.</summary>
    public static VideoLimits Default { get; } = new();

    /// <summary>Largest file in bytes.</summary>
    public long MaxBytes { get; init; } = 64L << 30;

    /// <summary>Most frames of a file.</summary>
    public int MaxFrames { get; init; } = 5_000_000;

    /// <summary>Caps of one frame.</summary>
    public DecodeLimits Frame { get; init; } = DecodeLimits.Default;

    /// <summary>Longest time that reading a file's index or its frames may take.</summary>
    public TimeSpan MaxTime { get; init; } = TimeSpan.FromMinutes(10);
}
