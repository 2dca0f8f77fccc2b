using Lorikeet.Nn;

namespace Lorikeet.Models.Backbones;

/// <summary>
/// Positions of tokens on three axes (time, height, width): text counts on all three; an image token has the place of its patches, and
/// what follows a picture or video goes on behind its highest position.
/// </summary>
/// <remarks>
/// Source: Wang et al. 2024 (Qwen2-VL), section 2.1, M-RoPE; Bai et al. 2025 (Qwen2.5-VL), section 2.1.3; <c>get_rope_index</c> of
/// transformers 4. Known deviation: transformers 5 goes on behind a video's longer edge even where its time reaches further, so that text
/// shares positions with frames; its earlier versions also rounded the seconds of a temporal patch down before they multiplied.
/// </remarks>
/// <param name="Axes">Positions on each axis, each [N].</param>
/// <param name="Shifts">Per sequence: the next token's position minus its number.</param>
internal sealed record GridPositions(int[][] Axes, int[] Shifts)
{
    private const int AxisCount = 3;

    /// <summary>Positions of a batch.</summary>
    /// <param name="tokens">The batch.</param>
    /// <param name="grids">Grids of its pictures, in order.</param>
    /// <param name="isPlace">Whether a token stands for a merged patch.</param>
    /// <param name="merge">Edge of a merge block in patches.</param>
    /// <param name="cache">What came before, or null; its shifts are brought up to date.</param>
    public static GridPositions Of(TokenBatch tokens, IReadOnlyList<PatchGrid> grids, Func<int, bool> isPlace, int merge, KvCache? cache)
    {
        int[][] axes = [new int[tokens.Count], new int[tokens.Count], new int[tokens.Count]];
        int[] shifts = new int[tokens.Sequences];
        int n = 0, picture = 0;
        for (int b = 0; b < tokens.Sequences; b++)
        {
            int held = cache?.Length(b) ?? 0, next = held + (cache?.Shift(b) ?? 0), end = n + tokens.Lengths[b];
            while (n < end)
            {
                if (picture < grids.Count && isPlace(tokens.Ids[n]))
                {
                    PatchGrid grid = grids[picture++];
                    int rows = grid.Rows / merge, columns = grid.Columns / merge;
                    for (int i = 0; i < grid.Frames * rows * columns && n < end; i++, n++)
                    {
                        axes[0][n] = next + grid.TimeOf(i / (rows * columns));
                        axes[1][n] = next + (i / columns % rows);
                        axes[2][n] = next + (i % columns);
                    }

                    next += Math.Max(grid.TimeOf(grid.Frames - 1) + 1, Math.Max(rows, columns));
                    continue;
                }

                for (int axis = 0; axis < AxisCount; axis++)
                {
                    axes[axis][n] = next;
                }

                next++;
                n++;
            }

            shifts[b] = next - held - tokens.Lengths[b];
            cache?.SetShift(b, shifts[b]);
        }

        return new GridPositions(axes, shifts);
    }

    /// <summary>The axis of each angle where the axes have runs of angles: time first, then height, then width.</summary>
    /// <param name="sections">Angles of each axis.</param>
    public static int[] InRuns(IReadOnlyList<int> sections) => [.. sections.SelectMany((count, axis) => Enumerable.Repeat(axis, count))];

    /// <summary>The axis of each angle where the axes take turns; what is left over belongs to time.</summary>
    /// <param name="sections">Angles of each axis.</param>
    public static int[] InTurns(IReadOnlyList<int> sections)
    {
        int[] axisOf = new int[sections.Sum()];
        for (int i = 0; i < axisOf.Length; i++)
        {
            int axis = i % AxisCount;
            axisOf[i] = axis > 0 && i < sections[axis] * AxisCount ? axis : 0;
        }

        return axisOf;
    }
}
