using Lorikeet.Imaging;
using Lorikeet.Imaging.Video;

namespace Lorikeet.Models.Backbones;

/// <summary>
/// Videos whose frames each have an area within a range, an even number of them, in one grid whose temporal patches are apart by their
/// number, or by the time between them.
/// </summary>
/// <remarks>
/// Source: <c>fetch_video</c> of qwen-vl-utils, which transformers' processor relies on, and <c>get_rope_index</c> of transformers. Known
/// deviations: a file of one frame is taken twice instead of being refused; max_pixels may be above qwen-vl-utils' own limit; frames are
/// resized once, with Pillow's filter.
/// </remarks>
/// <param name="directory">The model's directory.</param>
/// <param name="tokensPerSecond">Positions of a second on the axis of time; null where temporal patches are counted instead.</param>
internal sealed class FrameAreaVideos(ModelDirectory directory, double? tokensPerSecond) : VideoRule(directory)
{
    private const int LeastFrameTokens = 128;
    private const double UsualTotalTokens = 128_000 * 0.9;

    /// <inheritdoc/>
    protected override int[] Choose(VideoPart part, VideoSettings asked)
    {
        int factor = Patches.TemporalPatchSize, count;
        if (asked.NFrames is { } number)
        {
            count = (int)Math.Round((double)number / factor) * factor;
            RequireFrames(count, part);
        }
        else
        {
            int least = (asked.MinFrames!.Value + factor - 1) / factor * factor;
            int most = Math.Min(asked.MaxFrames!.Value, part.Count) / factor * factor;
            double wanted = part.Count / part.Fps * asked.Fps!.Value;
            count = (int)Math.Floor(Math.Min(Math.Min(Math.Max(wanted, least), most), part.Count) / factor) * factor;
        }

        return Spread(part, Math.Max(count, 1));
    }

    /// <inheritdoc/>
    protected override PatchGrid Grid(PixelSize size, int frames, VideoSettings asked, ImageOptions options)
    {
        int area = Patches.Unit * Patches.Unit, least = LeastFrameTokens * area, most = MostFrameTokens * area;

        // The processor's own range counts within that of qwen-vl-utils: it is often the one for pictures, which may be far larger.
        frames = FilledUp(frames);
        (least, most) = Patches.MaxPixels < least ? (Patches.MinPixels, Patches.MaxPixels)
            : (Math.Max(Patches.MinPixels, least), Math.Min(Patches.MaxPixels, most));
        least = asked.MinPixels ?? Math.Min(least, asked.MaxPixels ?? least);
        most = asked.MaxPixels ?? Math.Max(most, least);
        double share = Math.Min(ShareOf(asked, frames), UsualTotalTokens * area / frames * Patches.TemporalPatchSize);
        most = (int)Math.Min(most, Math.Max(share, (int)(least * 1.05)));
        return Patches.Grid(size, options with { MinPixels = least, MaxPixels = most });
    }

    /// <inheritdoc/>
    protected override GridPicture Picture(PatchGrid whole, int[] frames, double fps, double taken) =>
        new([whole with { TimeStep = tokensPerSecond * Patches.TemporalPatchSize / taken ?? 1 }]) { Frames = frames };

    /// <summary>Evenly spaced frames from the first to the last, computed as torch.linspace does: from both ends towards the middle.</summary>
    private static int[] Spread(VideoPart part, int count)
    {
        int[] frames = new int[count];
        float step = count > 1 ? (float)(part.Last - part.First) / (count - 1) : 0;
        for (int i = 0; i < count; i++)
        {
            frames[i] = (int)MathF.Round(i < count / 2 || count == 1 ? part.First + (step * i) : part.Last - (step * (count - 1 - i)));
        }

        return frames;
    }
}
