namespace Lorikeet.Training.Batching;

/// <summary>
/// Rows put together so that a pack has at most a given number of tokens. The samples of a pack stay separate sequences: none sees
/// another, and the loss is that of the samples one by one. Which rows go together depends on their lengths alone.
/// </summary>
public sealed class RowPacks
{
    private readonly int[][] _packs;

    private RowPacks(int[][] packs, long tokens, int capacity)
    {
        _packs = packs;
        Fill = packs.Length == 0 ? 0 : (double)tokens / ((double)packs.Length * capacity);
    }

    /// <summary>Number of packs.</summary>
    public long Count => _packs.Length;

    /// <summary>Rows in all packs.</summary>
    public long Rows => _packs.Sum(p => (long)p.Length);

    /// <summary>Share of the packs' room that tokens take, 0 to 1.</summary>
    public double Fill { get; }

    /// <summary>The rows of a pack, in rising order.</summary>
    public IReadOnlyList<long> this[long pack] => [.. _packs[pack].Select(row => (long)row)];

    /// <summary>
    /// Best fit, longest first: each row goes into the pack with the least room that still takes it. The packs are put into the order of
    /// their first rows. Source: the <c>bfd</c> strategy of TRL's packing (Johnson's best fit decreasing), without cutting any sample.
    /// </summary>
    /// <param name="lengths">Tokens of each row; 0 leaves it out.</param>
    /// <param name="capacity">Tokens of a pack. A row that is longer has a pack of its own.</param>
    public static RowPacks BestFit(IReadOnlyList<int> lengths, int capacity)
    {
        ArgumentNullException.ThrowIfNull(lengths);
        ArgumentOutOfRangeException.ThrowIfLessThan(capacity, 1);
        int[] rows = [.. Enumerable.Range(0, lengths.Count).Where(row => lengths[row] > 0).OrderByDescending(row => lengths[row])];
        var packs = new List<List<int>>();
        var byRoom = new SortedSet<(int Room, int Pack)>();
        long tokens = 0;
        foreach (int row in rows)
        {
            int length = lengths[row];
            tokens += length;
            (int Room, int Pack) best = byRoom.GetViewBetween((length, 0), (int.MaxValue, int.MaxValue)).Min;
            if (best.Room >= length)
            {
                byRoom.Remove(best);
            }
            else
            {
                best = (capacity, packs.Count);
                packs.Add([]);
            }

            packs[best.Pack].Add(row);
            if (best.Room > length)
            {
                byRoom.Add((best.Room - length, best.Pack));
            }
        }

        foreach (List<int> pack in packs)
        {
            pack.Sort();
        }

        return new RowPacks([.. packs.OrderBy(pack => pack[0]).Select(pack => pack.ToArray())], tokens, capacity);
    }
}
