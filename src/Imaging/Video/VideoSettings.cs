namespace Lorikeet.Imaging.Video;

/// <summary>
/// What is asked of a video: which frames, and how large. What is null is left to whoever is asked next: first the row's own wishes, then the
/// run's, then the model's processor. Names and meanings are those of qwen-vl-utils.
/// </summary>
public sealed record VideoSettings
{
    /// <summary>Frames per second that are taken; excludes <see cref="NFrames"/>.</summary>
    public double? Fps { get; init; }

    /// <summary>Number of frames that are taken; excludes <see cref="Fps"/>.</summary>
    public int? NFrames { get; init; }

    /// <summary>Fewest frames where they are counted by <see cref="Fps"/>.</summary>
    public int? MinFrames { get; init; }

    /// <summary>Most frames where they are counted by <see cref="Fps"/>.</summary>
    public int? MaxFrames { get; init; }

    /// <summary>Least area of a frame in pixels.</summary>
    public int? MinPixels { get; init; }

    /// <summary>Greatest area of a frame in pixels.</summary>
    public int? MaxPixels { get; init; }

    /// <summary>Greatest area of all merged frames together, in pixels.</summary>
    public long? TotalPixels { get; init; }

    /// <summary>Where the part that is used begins, in seconds.</summary>
    public double? Start { get; init; }

    /// <summary>Where the part that is used ends, in seconds.</summary>
    public double? End { get; init; }

    /// <summary>Of a list of frames: how many there are of a second.</summary>
    public double? SampleFps { get; init; }

    /// <summary>These wishes, and where they say nothing the others.</summary>
    /// <param name="others">Who is asked next.</param>
    public VideoSettings Over(VideoSettings others)
    {
        ArgumentNullException.ThrowIfNull(others);

        // Frames per second and a number of frames exclude each other: whoever names one has said all of it.
        VideoSettings count = Fps is null && NFrames is null ? others : this;
        return new VideoSettings
        {
            Fps = count.Fps,
            NFrames = count.NFrames,
            MinFrames = MinFrames ?? others.MinFrames,
            MaxFrames = MaxFrames ?? others.MaxFrames,
            MinPixels = MinPixels ?? others.MinPixels,
            MaxPixels = MaxPixels ?? others.MaxPixels,
            TotalPixels = TotalPixels ?? others.TotalPixels,
            Start = Start ?? others.Start,
            End = End ?? others.End,
            SampleFps = SampleFps ?? others.SampleFps,
        };
    }
}
