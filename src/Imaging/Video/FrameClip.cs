namespace Lorikeet.Imaging.Video;

/// <summary>A frame that is kept as a picture of its own.</summary>
/// <param name="Name">What messages call it.</param>
/// <param name="ReadSize">Reads its size from the header.</param>
/// <param name="Decode">Decodes it.</param>
public sealed record PictureFrame(string Name, Func<PixelSize> ReadSize, Func<Image> Decode);

/// <summary>A video given as its chosen frames, each a picture; all have one size.</summary>
/// <param name="name">What messages call it.</param>
/// <param name="frames">At least one.</param>
/// <param name="settings">What the row asks of it.</param>
public sealed class FrameClip(string name, IReadOnlyList<PictureFrame> frames, VideoSettings settings) : VideoClip(name)
{
    /// <summary>Frames per second of chosen frames where nothing is said, as in qwen-vl-utils.</summary>
    public const double DefaultFps = 2;

    /// <summary>A clip of pictures in memory.</summary>
    /// <param name="name">What messages call it.</param>
    /// <param name="frames">At least one.</param>
    /// <param name="fps">Frames per second.</param>
    public static FrameClip Of(string name, IReadOnlyList<Image> frames, double fps = DefaultFps)
    {
        ArgumentNullException.ThrowIfNull(frames);
        return new FrameClip(
            name,
            [.. frames.Select((image, i) => new PictureFrame(FormattableString.Invariant($"{name}, frame {i}"), () => new PixelSize(image.Width, image.Height), () => image))],
            new VideoSettings { SampleFps = fps });
    }

    /// <inheritdoc/>
    public override IEnumerable<Image> Read(IReadOnlyList<int> indices)
    {
        ArgumentNullException.ThrowIfNull(indices);
        foreach (int index in indices)
        {
            Image image = frames[index].Decode();
            RequireSize(frames[index], new PixelSize(image.Width, image.Height));
            yield return image;
        }
    }

    /// <inheritdoc/>
    protected override VideoInfo ReadInfo()
    {
        if (frames.Count == 0)
        {
            throw new InvalidDataException($"{Name}: there are no frames; expected at least one picture.");
        }

        PixelSize first = frames[0].ReadSize();
        foreach (PictureFrame frame in frames.Skip(1))
        {
            RequireSame(frame, frame.ReadSize(), first);
        }

        return new VideoInfo(first, frames.Count, settings.SampleFps ?? settings.Fps ?? DefaultFps) { IsFrameList = true, Settings = settings };
    }

    private void RequireSize(PictureFrame frame, PixelSize size) => RequireSame(frame, size, Info.Size);

    private static void RequireSame(PictureFrame frame, PixelSize size, PixelSize first)
    {
        if (size != first)
        {
            throw new InvalidDataException(
                $"{frame.Name} has {size.Width} x {size.Height} pixels, the first frame {first.Width} x {first.Height}: all frames of a video have one size.");
        }
    }
}
