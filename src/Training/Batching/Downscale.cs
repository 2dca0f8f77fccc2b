using Lorikeet.Data;
using Lorikeet.Models;

namespace Lorikeet.Training.Batching;

/// <summary>Finds how small the pictures of a sample must become for it to fit. Pictures are resized whole; nothing is cut off.</summary>
internal static class Downscale
{
    /// <summary>
    /// The largest longest edge, in pixels, with which a sample has at most <paramref name="maxLength"/> tokens; null if none has.
    /// Tokens grow with the edge but for rounding, so the search halves the range and only ever returns an edge that was tried.
    /// </summary>
    public static int? LongestEdge(Processor processor, Sample sample, MediaSizes media, EncodeOptions options, int maxLength)
    {
        if (media.Count == 0)
        {
            return null;
        }

        EncodedSample Measure(int? edge) =>
            processor.Measure(sample.Messages, media, edge is null ? options : options with { Images = options.Images with { LongestEdge = edge } });
        int low = 1, high = Measure(null).Layout!.Pictures.Max(p => Math.Max(p.Width, p.Height));
        int? fits = null;
        while (low <= high)
        {
            int edge = low + ((high - low) / 2);
            if (Measure(edge).Ids.Length <= maxLength)
            {
                (fits, low) = (edge, edge + 1);
            }
            else
            {
                high = edge - 1;
            }
        }

        return fits;
    }
}
