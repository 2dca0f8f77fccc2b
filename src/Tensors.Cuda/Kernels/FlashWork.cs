using System.Runtime.InteropServices;
using Lorikeet.Tensors.Cuda.Driver;

namespace Lorikeet.Tensors.Cuda;

/// <summary>
/// What the blocks of a flash kernel do, in device memory; made once per structure of segments, for all layers. Long work comes
/// first, so that the last blocks to run are short. Blocks without any visible key stay in the list where they write zeros.
/// </summary>
internal sealed class FlashWork
{
    private readonly TablePool _pool;
    private readonly Dictionary<Key, List> _lists = [];

    public FlashWork(TablePool pool, AttentionSegments segments)
    {
        _pool = pool;
        foreach (AttentionSegment s in segments.Segments)
        {
            MostQueries = Math.Max(MostQueries, s.Queries);
        }
    }

    ~FlashWork()
    {
        foreach (List list in _lists.Values)
        {
            if (list.Address != 0)
            {
                _pool.Give(list.Address);
            }
        }
    }

    /// <summary>Queries of the longest run.</summary>
    public int MostQueries { get; }

    /// <summary>Tiles of <paramref name="rows"/> rows (a row is a query and one of the <paramref name="group"/> heads that share a key head) over all T queries.</summary>
    public List Queries(AttentionSegments segments, int T, int group, int rows) =>
        Get(new Key("queries", T, group, rows), segments, static (s, key) => QueryTiles(s, key.Length, key.Group, key.Rows));

    /// <summary>The same cut along the keys as well, so that few rows still fill a GPU.</summary>
    public List Splits(AttentionSegments segments, int T, int group, int rows) =>
        Get(new Key("splits", T, group, rows), segments, static (s, key) => SplitTiles(s, key.Length, key.Group, key.Rows));

    /// <summary>Tiles of keys over all S, and behind them the runs of queries that see them; see <see cref="FlashKeyTiles"/>.</summary>
    public List Keys(AttentionSegments segments, in Key key) => Get(key, segments, static (s, key) => FlashKeyTiles.Of(s, key));

    private List Get(Key key, AttentionSegments segments, Func<AttentionSegments, Key, FlashItem[]> make)
    {
        if (!_lists.TryGetValue(key, out List list))
        {
            FlashItem[] items = make(segments, key);
            int parts = items.Count(item => item.Splits > 1);
            list = new List(items.Length == 0 ? 0 : _pool.Take(MemoryMarshal.AsBytes(items.AsSpan())), items.Count(item => item.Splits > 0), parts);
            _lists.Add(key, list);
        }

        return list;
    }

    /// <summary>Tiles of all queries, those outside every segment too, the longest first.</summary>
    internal static FlashItem[] QueryTiles(AttentionSegments segments, int T, int group, int rows)
    {
        var items = new List<FlashItem>();
        foreach (AttentionSegment s in WithGaps(segments, T))
        {
            for (int row = 0; row < s.Queries * group; row += rows)
            {
                items.Add(Item(segments, s, group, row, rows));
            }
        }

        return [.. items.OrderByDescending(item => item.End - item.First)];
    }

    internal static FlashItem[] SplitTiles(AttentionSegments segments, int T, int group, int rows)
    {
        var items = new List<FlashItem>();
        foreach (FlashItem tile in QueryTiles(segments, T, group, rows))
        {
            int step = SplitKeys(tile.End - tile.First), place = 0;
            for (int first = tile.First; place == 0 || first < tile.End; first += step)
            {
                items.Add(tile with { First = first, End = Math.Min(tile.End, first + step), Splits = Math.Max(1, (tile.End - tile.First + step - 1) / step), Place = place++ });
            }
        }

        return [.. items];
    }

    /// <summary>Keys per part: 128 up to 8192 keys, then so many that there are 64 parts.</summary>
    internal static int SplitKeys(int keys) => Math.Max(128, (keys + 4095) / 4096 * 64);

    /// <summary>One tile of a run.</summary>
    private static FlashItem Item(AttentionSegments segments, in AttentionSegment s, int group, int row, int rows)
    {
        int firstQuery = row / group, lastQuery = (Math.Min(row + rows, s.Queries * group) - 1) / group, offset = s.Keys - s.Queries;
        return new FlashItem
        {
            Query = s.QueryStart,
            Offset = offset,
            Key = s.KeyStart,
            Keys = s.Keys,
            Row = row,
            Rows = s.Queries * group,
            First = Math.Clamp(FirstKey(firstQuery), 0, s.Keys),
            End = EndKey(s, lastQuery),
            ClearFirst = FirstKey(lastQuery),
            ClearEnd = EndKey(s, firstQuery),
            Splits = 1,
        };

        int EndKey(in AttentionSegment s, int query) => segments.Causal ? Math.Clamp(query + offset + 1, 0, s.Keys) : s.Keys;

        int FirstKey(int query) => segments.Window is { } window ? Math.Max(0, query + offset + 1 - window) : 0;
    }

    /// <summary>The runs in the order of their queries, and runs without keys for the queries between them.</summary>
    private static IEnumerable<AttentionSegment> WithGaps(AttentionSegments segments, int T)
    {
        int at = 0;
        foreach (AttentionSegment s in segments.Segments.OrderBy(s => s.QueryStart))
        {
            if (s.QueryStart > at)
            {
                yield return new AttentionSegment(at, s.QueryStart - at, 0, 0);
            }

            yield return s;
            at = Math.Max(at, s.QueryStart + s.Queries);
        }

        if (at < T)
        {
            yield return new AttentionSegment(at, T - at, 0, 0);
        }
    }

    /// <summary>A list: where it is, how long, and how many of its items share their tile with others.</summary>
    internal readonly record struct List(nint Address, int Count, int Parts);

    internal readonly record struct Key(string Kind, int Length, int Group, int Rows, int Blocks = 0);
}

/// <summary>The struct <c>Work</c> of the kernels.</summary>
[StructLayout(LayoutKind.Sequential)]
internal readonly record struct FlashItem
{
    /// <summary>First query of the run.</summary>
    public int Query { get; init; }

    /// <summary>Keys minus queries of the run.</summary>
    public int Offset { get; init; }

    /// <summary>First key of the run.</summary>
    public int Key { get; init; }

    /// <summary>Keys of the run.</summary>
    public int Keys { get; init; }

    /// <summary>First row of the tile.</summary>
    public int Row { get; init; }

    /// <summary>Rows of the run.</summary>
    public int Rows { get; init; }

    /// <summary>First key that any row of the tile sees.</summary>
    public int First { get; init; }

    /// <summary>End of the keys that any row sees.</summary>
    public int End { get; init; }

    /// <summary>First key that all rows see.</summary>
    public int ClearFirst { get; init; }

    /// <summary>End of the keys that all rows see.</summary>
    public int ClearEnd { get; init; }

    /// <summary>Parts that the tile's keys are cut into.</summary>
    public int Splits { get; init; }

    /// <summary>Which of these parts.</summary>
    public int Place { get; init; }
}
