using System.Globalization;

namespace Lorikeet.Imaging.Video;

/// <summary>What is known of a video before any of its frames is decoded.</summary>
/// <param name="Size">Size of a frame in pixels, as it is shown (rotation marks obeyed).</param>
/// <param name="Frames">Number of frames, at least 1.</param>
/// <param name="Fps">Frames per second, on average.</param>
public sealed record VideoInfo(PixelSize Size, int Frames, double Fps)
{
    /// <summary>Whether the frames were already chosen by whoever made the data: then all of them are used.</summary>
    public bool IsFrameList { get; init; }

    /// <summary>What the row asks of the video.</summary>
    public VideoSettings Settings { get; init; } = new();

    /// <summary>Length in seconds.</summary>
    public double Seconds => Frames / Fps;

    /// <inheritdoc/>
    public override string ToString() => string.Create(
        CultureInfo.InvariantCulture, $"{Size.Width} x {Size.Height} pixels, {Frames} frames, {Fps:0.##} per second");
}
