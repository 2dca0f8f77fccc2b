namespace Lorikeet.Tensors.Cuda;

/// <summary>
/// The work of the kernel that makes dK and dV. Keys are cut where a run begins or ends, so that all keys of a tile belong to the
/// same runs; these follow the tiles, as items of their own. Keys of no run are tiles too: their gradient is zero. Few key heads
/// with many rows each would leave most of a GPU idle, so tiles that see many rows are shared by several blocks.
/// </summary>
internal static class FlashKeyTiles
{
    /// <summary>Rows that a block takes at a time.</summary>
    public const int Step = 32;

    // A block has at least so many steps, lest its keys be loaded and its sums be written for too little.
    private const int FewestSteps = 64;

    /// <summary>What the list for an attention depends on.</summary>
    public static FlashWork.Key KeyOf(in AttentionArgs args, int multiprocessors)
    {
        // Wide heads take two accumulators of 64 registers for dK and dV: 16 keys per warp are the most.
        const int WaitingBlocks = 4, KeysOfWarps = 64;
        int H = args.Q.Shape[1], S = args.K.Shape[0], K = args.K.Shape[1], D = args.K.Shape[2], keys = 0;
        foreach (AttentionSegment s in args.Segments.Segments)
        {
            keys = Math.Max(keys, s.Keys);
        }

        return new FlashWork.Key("keys", S, H / K, D <= 64 && keys > KeysOfWarps ? 2 * KeysOfWarps : KeysOfWarps, Math.Max(1, WaitingBlocks * multiprocessors / K));
    }

    /// <summary>Bytes of scratch memory of the backward pass: two numbers per query and head, and the sums of tiles that blocks share.</summary>
    public static (long Stats, long Sums) ScratchBytes(in AttentionArgs args, in FlashWork.Key key, int parts)
    {
        const int Alignment = 256;
        long stats = (long)args.Q.Shape[0] * args.Q.Shape[1] * 2 * sizeof(float);
        return ((stats + Alignment - 1) / Alignment * Alignment, (long)parts * args.K.Shape[1] * key.Rows * args.K.Shape[2] * 2 * sizeof(float));
    }

    /// <summary>Tiles, those with most rows first; then lists of runs. Only tiles have a <see cref="FlashItem.Splits"/>.</summary>
    public static FlashItem[] Of(AttentionSegments segments, FlashWork.Key key)
    {
        var tiles = new List<Tile>();
        var runs = new List<FlashItem>();
        foreach ((int start, int end, AttentionSegment[] seeing) in Intervals(segments, key.Length))
        {
            int first = runs.Count;
            runs.AddRange(seeing.Select(s => new FlashItem { Query = s.QueryStart, Offset = s.Keys - s.Queries, Key = s.KeyStart, Keys = s.Keys, Rows = s.Queries * key.Group }));
            for (int at = start; at < end; at += key.Rows)
            {
                int keys = Math.Min(key.Rows, end - at);
                var item = new FlashItem { Key = at, Keys = keys, First = first, End = runs.Count, Splits = 1 };
                tiles.Add(new Tile(item, [.. seeing.Select(s => Rows(segments, s, at, keys, key.Group))]));
            }
        }

        long limit = Math.Max(FewestSteps, (tiles.Sum(tile => (long)tile.Steps) + key.Blocks - 1) / key.Blocks);
        var items = new List<FlashItem>();
        int sums = 0;
        foreach (Tile tile in tiles)
        {
            FlashItem[] parts = tile.Cut((int)Math.Min(limit, int.MaxValue), sums);
            sums += parts.Length > 1 ? parts.Length : 0;
            items.AddRange(parts);
        }

        return [.. items.OrderByDescending(item => item.Rows), .. runs];
    }

    /// <summary>Rows of a run that see any of some keys.</summary>
    private static (int First, int End) Rows(AttentionSegments segments, in AttentionSegment s, int key, int keys, int group)
    {
        if (!segments.Causal)
        {
            return (0, s.Queries * group);
        }

        int place = key - s.KeyStart - (s.Keys - s.Queries), end = segments.Window is { } window ? Math.Min(s.Queries, place + keys - 1 + window) : s.Queries;
        return (Math.Max(0, place) * group, end * group);
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

    /// <summary>A tile of keys, and of each of its runs the rows that see them.</summary>
    private sealed record Tile(FlashItem Item, (int First, int End)[] Runs)
    {
        public int Steps => Runs.Sum(StepsOf);

        /// <summary>Blocks of equal numbers of steps, none above a limit; <paramref name="sums"/> numbers the first one's partial sums.</summary>
        public FlashItem[] Cut(int limit, int sums)
        {
            int steps = Steps, share = steps <= limit ? Math.Max(1, steps) : (steps + ((steps + limit - 1) / limit) - 1) / ((steps + limit - 1) / limit);
            var parts = new FlashItem[Math.Max(1, (steps + share - 1) / share)];
            for (int i = 0; i < parts.Length; i++)
            {
                (int run, int row) = Find(i * share);
                parts[i] = Item with { Query = sums, First = Item.First + run, Row = row, Rows = Math.Min(share, steps - (i * share)), Splits = parts.Length, Place = i };
            }

            return parts;
        }

        private static int StepsOf((int First, int End) rows) => Math.Max(0, (rows.End - rows.First + Step - 1) / Step);

        /// <summary>Run and row at which a step begins.</summary>
        private (int Run, int Row) Find(int step)
        {
            for (int run = 0; run < Runs.Length; run++)
            {
                int steps = StepsOf(Runs[run]);
                if (step < steps)
                {
                    return (run, Runs[run].First + (step * Step));
                }

                step -= steps;
            }

            return (0, 0);
        }
    }
}
