namespace Lorikeet.Tensors.Cuda;

/// <summary>
/// The work of the kernel that makes dK and dV. Keys are cut where a run begins or ends, so that all keys of a tile belong to the
/// same runs; these follow the tiles, as items of their own. Keys of no run are tiles too: their gradient is zero.
/// </summary>
internal static class FlashKeyTiles
{
    /// <summary>Tiles, those with most rows first; then lists of runs. Only tiles have a <see cref="FlashItem.Splits"/>.</summary>
    public static FlashItem[] Of(AttentionSegments segments, FlashWork.Key key)
    {
        var tiles = new List<(FlashItem Item, long Rows)>();
        var runs = new List<FlashItem>();
        foreach ((int start, int end, AttentionSegment[] seeing) in Intervals(segments, key.Length))
        {
            int first = runs.Count;
            runs.AddRange(seeing.Select(s => new FlashItem { Query = s.QueryStart, Offset = s.Keys - s.Queries, Key = s.KeyStart, Keys = s.Keys, Rows = s.Queries * key.Group }));
            for (int at = start; at < end; at += key.Rows)
            {
                int count = Math.Min(key.Rows, end - at);
                var item = new FlashItem { Key = at, Keys = count, First = first, End = runs.Count, Splits = 1 };
                tiles.Add((item, seeing.Sum(s => Queries(segments, s, at, count))));
            }
        }

        return [.. tiles.OrderByDescending(tile => tile.Rows).Select(tile => tile.Item), .. runs];
    }

    /// <summary>Queries of a run that see any of some keys.</summary>
    private static long Queries(AttentionSegments segments, in AttentionSegment s, int key, int count)
    {
        if (!segments.Causal)
        {
            return s.Queries;
        }

        int place = key - s.KeyStart - (s.Keys - s.Queries), end = segments.Window is { } window ? Math.Min(s.Queries, place + count - 1 + window) : s.Queries;
        return Math.Max(0, end - Math.Max(0, place));
    }

    /// <summary>Stretches of keys with the runs that hold them, in the order of these runs.</summary>
    private static IEnumerable<(int Start, int End, AttentionSegment[] Runs)> Intervals(AttentionSegments segments, int S)
    {
        AttentionSegment[] runs = [.. segments.Segments.Where(s => s.Queries > 0 && s.Keys > 0)];
        int[] cuts = [.. runs.SelectMany(s => (int[])[s.KeyStart, s.KeyStart + s.Keys]).Append(0).Append(S).Distinct().Order()];
        int[] order = [.. Enumerable.Range(0, runs.Length).OrderBy(i => runs[i].KeyStart)];
        var open = new SortedSet<int>();
        int next = 0;
        for (int i = 0; i + 1 < cuts.Length; i++)
        {
            open.RemoveWhere(run => runs[run].KeyStart + runs[run].Keys <= cuts[i]);
            for (; next < order.Length && runs[order[next]].KeyStart <= cuts[i]; next++)
            {
                open.Add(order[next]);
            }

            yield return (cuts[i], cuts[i + 1], [.. open.Select(run => runs[run])]);
        }
    }
}
