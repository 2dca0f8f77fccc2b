using Lorikeet.Imaging;
using Lorikeet.Imaging.Video;

namespace Lorikeet.Models.Backbones;

/// <summary>
/// How a family sees videos: which frames, how large, and what the text says of them. Frames are taken in pairs (temporal patches); where
/// they are odd in number, the last one fills the place that is left.
/// </summary>
internal abstract class VideoRule
{
    /// <summary>Greatest area of a frame in merged tokens where nothing is said, as in qwen-vl-utils.</summary>
    protected const int MostFrameTokens = 768;

    private const int UsualMinFrames = 4, UsualMaxFrames = 768;
    private const double UsualFps = 2;

    private readonly VideoSettings _configured;

    /// <summary>Reads the settings of a model directory.</summary>
    /// <param name="directory">Its video processor's settings count, or without one its image processor's, as in transformers.</param>
    protected VideoRule(ModelDirectory directory)
    {
        ConfigSection? own = directory.VideoProcessorConfig;
        Config = own ?? directory.ImageProcessorConfig;
        Patches = new MergedPatches(Config);
        int? number = own?.TryInt("num_frames");
        _configured = new VideoSettings
        {
            NFrames = number,
            Fps = number is null ? own?.TryDouble("fps") ?? UsualFps : null,
            MinFrames = own?.TryInt("min_frames") ?? UsualMinFrames,
            MaxFrames = own?.TryInt("max_frames") ?? UsualMaxFrames,
        };
    }

    /// <summary>How frames become patches.</summary>
    public MergedPatches Patches { get; }

    /// <summary>The processor's settings.</summary>
    protected ConfigSection Config { get; }

    /// <summary>What becomes of a video.</summary>
    /// <param name="video">What is known of it.</param>
    /// <param name="options">Treatment of pictures; what the row itself asks goes before it.</param>
    /// <exception cref="InvalidDataException">It cannot give the frames that are asked for, or they are too elongated.</exception>
    public GridPicture Layout(VideoInfo video, ImageOptions options)
    {
        VideoSettings asked = video.Settings.Over(options.Video).Over(_configured);
        VideoPart part = VideoPart.Of(video, asked);
        int[] frames = video.IsFrameList ? [.. Enumerable.Range(0, video.Frames)] : Choose(part, asked);
        PatchGrid grid = !Patches.DoesResize ? Patches.GridAsIs(video.Size) : Grid(video.Size, frames.Length, asked, options);
        double taken = video.IsFrameList ? video.Fps : frames.Length / (double)part.Count * video.Fps;
        return Picture(grid with { Frames = FilledUp(frames.Length) / Patches.TemporalPatchSize }, frames, video.Fps, taken);
    }

    /// <summary>Decodes the frames of a video and writes them as patches.</summary>
    /// <param name="clip">The video.</param>
    /// <param name="video">What <see cref="Layout"/> returned for it.</param>
    /// <param name="alpha">What becomes of transparency.</param>
    /// <param name="values">Receives (patches, patch width) normalised values.</param>
    /// <exception cref="InvalidDataException">A frame cannot be decoded.</exception>
    public void Write(VideoClip clip, GridPicture video, AlphaHandling alpha, Span<float> values)
    {
        int T = Patches.TemporalPatchSize, n = 0, last = video.Frames.Count - 1;
        PatchGrid frame = video.Grids[0].EachFrame().First();
        int width = frame.Count * Patches.PatchWidth;
        foreach (Image image in clip.Read(video.Frames))
        {
            // The last frame also fills what is left of its temporal patch.
            (int First, int Count) place = (n % T, n == last ? T - (n % T) : 1);
            Patches.Write(image, frame, place, alpha, values.Slice(n / T * width, width));
            n++;
        }
    }

    /// <summary>All frames of a video side by side, made visible again.</summary>
    /// <param name="video">What <see cref="Layout"/> returned for it.</param>
    /// <param name="values">What <see cref="Write"/> wrote.</param>
    public Image ContactSheet(GridPicture video, ReadOnlySpan<float> values)
    {
        int T = Patches.TemporalPatchSize, count = video.Frames.Count;
        PatchGrid frame = video.Grids[0].EachFrame().First();
        int w = frame.Columns * Patches.PatchSize, h = frame.Rows * Patches.PatchSize, across = Math.Clamp((int)Math.Ceiling(Math.Sqrt((double)count * h / w)), 1, count);
        int down = (count + across - 1) / across, size = frame.Count * Patches.PatchWidth;
        byte[] sheet = new byte[checked(3 * w * across * h * down)];
        for (int i = 0; i < count; i++)
        {
            byte[] pixels = Patches.Visible(values.Slice(i / T * size, size), frame, i % T).Pixels;
            for (int y = 0; y < h; y++)
            {
                pixels.AsSpan(3 * y * w, 3 * w).CopyTo(sheet.AsSpan(3 * ((((i / across * h) + y) * w * across) + (i % across * w))));
            }
        }

        return new Image(w * across, h * down, PixelMode.RGB, sheet);
    }

    /// <summary>The numbers of the frames that are taken, in increasing order.</summary>
    protected abstract int[] Choose(VideoPart part, VideoSettings asked);

    /// <summary>The grid of one frame.</summary>
    /// <param name="size">Its size in pixels.</param>
    /// <param name="frames">Number of frames that are taken.</param>
    /// <param name="asked">What is asked, all of it.</param>
    /// <param name="options">Treatment of pictures.</param>
    protected abstract PatchGrid Grid(PixelSize size, int frames, VideoSettings asked, ImageOptions options);

    /// <summary>The video as grids.</summary>
    /// <param name="whole">The grid of all of it.</param>
    /// <param name="frames">The frames that are taken.</param>
    /// <param name="fps">Frames per second of the file.</param>
    /// <param name="taken">Frames per second that are taken of it.</param>
    protected abstract GridPicture Picture(PatchGrid whole, int[] frames, double fps, double taken);

    /// <summary>A number of frames, filled up to whole temporal patches.</summary>
    protected int FilledUp(int frames) => (frames + Patches.TemporalPatchSize - 1) / Patches.TemporalPatchSize * Patches.TemporalPatchSize;

    /// <summary>Throws where more frames are asked for than there are.</summary>
    protected static void RequireFrames(int asked, VideoPart part)
    {
        if (asked < 1 || asked > part.Count)
        {
            throw new InvalidDataException($"{asked} frames of the video are asked for (nframes, data.video_nframes), but it has {part.Count}.");
        }
    }

    /// <summary>Greatest area of a frame that leaves all frames together within <see cref="VideoSettings.TotalPixels"/>.</summary>
    protected double ShareOf(VideoSettings asked, int frames) => asked.TotalPixels is { } total ? (double)total / frames * Patches.TemporalPatchSize : double.PositiveInfinity;

    /// <summary>The frames between which a video is sampled.</summary>
    /// <param name="First">Number of the first.</param>
    /// <param name="Count">How many.</param>
    /// <param name="Fps">Frames per second.</param>
    protected readonly record struct VideoPart(int First, int Count, double Fps)
    {
        /// <summary>Number of the last.</summary>
        public int Last => First + Count - 1;

        /// <summary>The part that is asked for by its seconds.</summary>
        /// <remarks>Source: <c>calculate_video_frame_range</c> of qwen-vl-utils.</remarks>
        public static VideoPart Of(VideoInfo video, VideoSettings asked)
        {
            if (asked.Start is null && asked.End is null)
            {
                return new VideoPart(0, video.Frames, video.Fps);
            }

            if (video.IsFrameList)
            {
                throw new InvalidDataException("video_start and video_end are for video files; this one is a list of frames. Leave frames out of the list instead.");
            }

            int first = (int)Math.Ceiling(Math.Clamp(asked.Start ?? 0, 0, video.Seconds) * video.Fps);
            int last = asked.End is { } end ? Math.Min((int)Math.Floor(Math.Clamp(end, 0, video.Seconds) * video.Fps), video.Frames - 1) : video.Frames - 1;
            return first < last
                ? new VideoPart(first, last - first + 1, video.Fps)
                : throw new InvalidDataException(FormattableString.Invariant(
                    $"video_start {asked.Start ?? 0} and video_end {asked.End ?? video.Seconds} leave no frames: the video is {video.Seconds:0.###} seconds long ({video})."));
        }
    }
}
