namespace Lorikeet.Models.Tests.Videos;

/// <summary>
/// Positions on three axes, written down once more from the papers: text counts on all axes; a token of a picture or video has its place in
/// time, rows and columns, counted from where the text stopped; behind it the text goes on one above the highest position.
/// </summary>
internal static class PublishedPositions
{
    private const int ImageToken = 532, VideoToken = 533;

    /// <summary>Time, row and column of every token.</summary>
    /// <param name="ids">The tokens.</param>
    /// <param name="pictures">Frames, rows and columns of patches of each picture.</param>
    /// <param name="videos">The same of each video.</param>
    /// <param name="step">Positions from one temporal patch of a video to the next.</param>
    /// <param name="isSplit">Whether each temporal patch stands alone between marks.</param>
    public static long[][] Of(int[] ids, long[] pictures, long[] videos, double step, bool isSplit)
    {
        List<long> time = [], row = [], column = [];
        int picture = 0, video = 0, split = 0;
        for (int i = 0; i < ids.Length;)
        {
            long next = i == 0 ? 0 : Math.Max(time.Max(), Math.Max(row.Max(), column.Max())) + 1;
            if (ids[i] is not (ImageToken or VideoToken))
            {
                time.Add(next);
                row.Add(next);
                column.Add(next);
                i++;
                continue;
            }

            bool isVideo = ids[i] == VideoToken;
            long[] grid = isVideo ? videos[(3 * video)..((3 * video) + 3)] : pictures[(3 * picture)..((3 * picture) + 3)];
            long frames = isVideo && isSplit ? 1 : grid[0];
            for (long t = 0; t < frames; t++)
            {
                for (long y = 0; y < grid[1] / 2; y++)
                {
                    for (long x = 0; x < grid[2] / 2; x++, i++)
                    {
                        time.Add(next + (long)Math.Floor(t * step * (isVideo ? 1 : 0)));
                        row.Add(next + y);
                        column.Add(next + x);
                    }
                }
            }

            picture += isVideo ? 0 : 1;
            split = isVideo && isSplit ? (split + 1) % (int)grid[0] : 0;
            video += isVideo && split == 0 ? 1 : 0;
        }

        return [[.. time], [.. row], [.. column]];
    }
}
