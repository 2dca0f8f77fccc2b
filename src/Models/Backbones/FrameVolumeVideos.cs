using Lorikeet.Imaging;
using Lorikeet.Imaging.Video;

namespace Lorikeet.Models.Backbones;

/// <summary>
/// Videos whose frames together have a volume (frames, height, width) within a range. Each temporal patch is a grid of its own, and the text
/// tells its time in front of it.
/// </summary>
/// <remarks>
/// Source: transformers' <c>Qwen3VLVideoProcessor</c> and <c>Qwen3VLProcessor</c>. Known deviations: a file of one frame is taken twice
/// instead of being refused; frames are resized with Pillow's filter. What rows and run files ask of the area of a frame has the meaning of
/// qwen-vl-utils.
/// </remarks>
internal sealed class FrameVolumeVideos : VideoRule
{
    private readonly bool _capsFrames;

    /// <summary>Reads the settings of a model directory.</summary>
    public FrameVolumeVideos(ModelDirectory directory)
        : base(directory) => _capsFrames = Config.Bool("cap_pixels_per_frame", false);

    /// <inheritdoc/>
    protected override int[] Choose(VideoPart part, VideoSettings asked)
    {
        int count;
        if (asked.NFrames is { } number)
        {
            RequireFrames(number, part);
            count = number;
        }
        else
        {
            count = (int)(part.Count / part.Fps * asked.Fps!.Value);
            count = Math.Min(Math.Min(Math.Max(count, asked.MinFrames!.Value), asked.MaxFrames!.Value), part.Count);
        }

        // As numpy.linspace computes it; rounded half to even.
        double step = count > 1 ? (double)(part.Count - 1) / (count - 1) : 0;
        return [.. Enumerable.Range(0, count).Select(i => part.First + (i == count - 1 && count > 1 ? part.Count - 1 : (int)Math.Round(i * step)))];
    }

    /// <inheritdoc/>
    protected override PatchGrid Grid(PixelSize size, int frames, VideoSettings asked, ImageOptions options)
    {
        frames = Math.Max(frames, Patches.TemporalPatchSize);
        double least = Patches.MinPixels, most = Patches.MaxPixels;
        if (_capsFrames)
        {
            double cap = Math.Max(Math.Min(MostFrameTokens * Patches.Unit * Patches.Unit, Math.Floor(most / frames)), (int)(least * 1.05));
            most = cap * frames;
        }

        most = Math.Min(asked.MaxPixels is { } area ? (double)area * frames : most, ShareOf(asked, frames) * frames);
        least = Math.Min(asked.MinPixels is { } smallest ? (double)smallest * frames : least, most);
        (double width, double height) = MergedPatches.Reduce(size, options.LongestEdge);
        (int rows, int columns) = Fit(frames, (width, height), least, most);
        return new PatchGrid(1, rows, columns);
    }

    /// <inheritdoc/>
    protected override GridPicture Picture(PatchGrid whole, int[] frames, double fps, double taken)
    {
        double Time(int frame) => frames[Math.Min(frame, frames.Length - 1)] / fps;
        int T = Patches.TemporalPatchSize;
        return new GridPicture([.. whole.EachFrame()])
        {
            Frames = frames,
            Times = [.. Enumerable.Range(0, whole.Frames).Select(i => (Time(i * T) + Time((i * T) + T - 1)) / 2)],
        };
    }

    /// <summary>Rows and columns of patches of a frame.</summary>
    /// <remarks>Source: <c>smart_resize</c> of transformers' <c>video_processing_qwen3_vl</c>.</remarks>
    private (int Rows, int Columns) Fit(int frames, (double Width, double Height) size, double least, double most)
    {
        int unit = Patches.Unit, T = Patches.TemporalPatchSize;
        (double width, double height) = size;
        if (height < unit || width < unit)
        {
            double scale = Math.Max(unit / height, unit / width);
            (width, height) = (Math.Floor(width * scale), Math.Floor(height * scale));
        }

        MergedPatches.RequireShape(width, height);
        double w = Math.Round(width / unit) * unit, h = Math.Round(height / unit) * unit, volume = frames * height * width;
        double paired = Math.Round((double)frames / T) * T;
        if (paired * h * w > most)
        {
            double shrink = Math.Sqrt(volume / most);
            h = Math.Max(unit, Math.Floor(height / shrink / unit) * unit);
            w = Math.Max(unit, Math.Floor(width / shrink / unit) * unit);
        }
        else if (paired * h * w < least)
        {
            double grow = Math.Sqrt(least / volume);
            h = Math.Ceiling(height * grow / unit) * unit;
            w = Math.Ceiling(width * grow / unit) * unit;
        }

        return ((int)h / Patches.PatchSize, (int)w / Patches.PatchSize);
    }
}
