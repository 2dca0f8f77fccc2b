namespace Lorikeet.Tensors.Cpu;

/// <summary>
/// One segment as the kernels see it. Keys hidden by the mask are left out: key j of the segment means its j-th visible one,
/// and limits count visible keys, so that no kernel knows about the mask. Leading keys that a window hides from every query are
/// left out as well. A row is a (query, head of the group) pair of one
/// key head, query-major: row r is query r / G, head r % G.
/// </summary>
internal unsafe struct SegmentPlan
{
    /// <summary>First query.</summary>
    public int QueryStart;

    /// <summary>Queries.</summary>
    public int Queries;

    /// <summary>First key.</summary>
    public int KeyStart;

    /// <summary>Keys before the mask.</summary>
    public int AllKeys;

    /// <summary>Visible keys.</summary>
    public int Keys;

    /// <summary>Rows per key head: queries times group.</summary>
    public int Rows;

    /// <summary>Whether later keys are hidden.</summary>
    public bool Causal;

    /// <summary>Keys that a query looks back over, itself included; 0 where no query is kept from any key by it.</summary>
    public int Window;

    /// <summary>Rows of K and V of the visible keys, or null where no key of the segment is hidden.</summary>
    public int* Index;

    /// <summary>Number of visible keys among the first j, j = 0 .. AllKeys; null where no key is hidden.</summary>
    public int* Before;

    /// <summary>Blocks of rows per key head.</summary>
    public int RowBlocks;

    /// <summary>Forward pass: rows of a block, the last one may be shorter.</summary>
    public int BlockRows;

    /// <summary>Forward pass: whether <see cref="DecodeUnit"/> does the segment, one item per piece of keys.</summary>
    public bool Direct;

    /// <summary>Pieces the keys are cut into.</summary>
    public int Chunks;

    /// <summary>Keys per piece.</summary>
    public int ChunkKeys;

    /// <summary>Number of the first work item.</summary>
    public int FirstUnit;

    /// <summary>Rows of partial results before this segment.</summary>
    public long FirstPartial;

    /// <summary>Number of leading keys that a query of the segment sees.</summary>
    public readonly int Limit(int query)
    {
        if (!Causal)
        {
            return Keys;
        }

        int limit = Math.Clamp(query + 1 + AllKeys - Queries, 0, AllKeys);
        return Before == null ? limit : Before[limit];
    }

    /// <summary>The first key that a query of the segment sees; it sees none where this is not below <see cref="Limit"/>.</summary>
    public readonly int First(int query)
    {
        if (Window == 0)
        {
            return 0;
        }

        int first = Math.Clamp(query + 1 + AllKeys - Queries - Window, 0, AllKeys);
        return Before == null ? first : Before[first];
    }

    /// <summary>Row of K and V that holds visible key <paramref name="j"/>.</summary>
    public readonly int KeyRow(int j) => Index == null ? KeyStart + j : Index[j];

    /// <summary>The number of the plan that holds work item <paramref name="unit"/>.</summary>
    public static int Find(SegmentPlan* plans, int count, int unit)
    {
        int low = 0, high = count - 1;
        while (low < high)
        {
            int middle = (low + high + 1) / 2;
            if (plans[middle].FirstUnit <= unit)
            {
                low = middle;
            }
            else
            {
                high = middle - 1;
            }
        }

        return low;
    }

    /// <summary>Fills the fields that follow from the segment and the mask alone.</summary>
    /// <param name="segment">The segment.</param>
    /// <param name="segments">The structure that it is of.</param>
    /// <param name="args">The call.</param>
    /// <param name="ints">Room for <see cref="IndexInts"/> integers.</param>
    public static SegmentPlan Create(in AttentionSegment segment, AttentionSegments segments, in FlashArgs args, int* ints)
    {
        // Nothing is visible before the window of the first query.
        int window = Math.Min(segments.Window ?? segment.Keys, segment.Keys);
        int unseen = segments.Window is null ? 0 : Math.Clamp(segment.Keys - segment.Queries + 1 - window, 0, segment.Keys);
        int keys = segment.Keys - unseen;
        var plan = new SegmentPlan
        {
            QueryStart = segment.QueryStart,
            Queries = segment.Queries,
            KeyStart = segment.KeyStart + unseen,
            AllKeys = keys,
            Keys = keys,
            Rows = segment.Queries * args.Group,
            Causal = segments.Causal,
            Window = window < keys ? window : 0,
        };
        if (args.KeyMask != null)
        {
            plan.LeaveOutHidden(args.KeyMask + plan.KeyStart, ints, ints + keys);
        }

        return plan;
    }

    /// <summary>Integers that the key lists of a segment take.</summary>
    public static long IndexInts(in AttentionSegment segment) => (2L * segment.Keys) + 1;

    private void LeaveOutHidden(byte* mask, int* index, int* before)
    {
        int visible = 0;
        for (int j = 0; j < AllKeys; j++)
        {
            before[j] = visible;
            if (mask[j] != 0)
            {
                index[visible++] = KeyStart + j;
            }
        }

        before[AllKeys] = visible;
        if (visible < AllKeys)
        {
            Keys = visible;
            Index = index;
            Before = before;
        }
    }
}
