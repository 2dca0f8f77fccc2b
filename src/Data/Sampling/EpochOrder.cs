namespace Lorikeet.Data.Sampling;

/// <summary>
/// The order of the rows in one epoch: a uniformly random permutation that depends on the seed, the epoch and the number of rows alone
/// (never on threads, or on what was drawn before), the file's order, or a mix of sources. Holds 4 bytes per row unless it is the file's
/// order.
/// </summary>
public sealed class EpochOrder
{
    private readonly int[]? _rows;

    private EpochOrder(long count, int[]? rows)
    {
        Count = count;
        _rows = rows;
    }

    /// <summary>Number of rows.</summary>
    public long Count { get; }

    /// <summary>The row that comes at a position of the epoch.</summary>
    public long this[long position]
    {
        get
        {
            ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((ulong)position, (ulong)Count, nameof(position));
            return _rows is null ? position : _rows[position];
        }
    }

    /// <summary>The file's order.</summary>
    public static EpochOrder Sequential(long count) => new(count, null);

    /// <summary>A permutation by Fisher and Yates' method, drawn from a counter-based generator keyed by seed and epoch.</summary>
    /// <exception cref="InvalidDataException">More rows than an array can hold (about 2 billion).</exception>
    public static EpochOrder Shuffled(long count, ulong seed, long epoch)
    {
        int[] rows = new int[RequireFits(count)];
        for (int i = 0; i < rows.Length; i++)
        {
            rows[i] = i;
        }

        Shuffle(rows, seed, epoch);
        return new EpochOrder(count, rows);
    }

    /// <summary>
    /// An epoch over several sources, whose rows are numbered one source after the other. Each source is an endless sequence of passes
    /// over its rows (each pass in a random order, or the file's), of which an epoch takes the next <paramref name="counts"/> ones: so
    /// over the epochs every row of a source comes equally often, give or take one.
    /// </summary>
    /// <param name="rows">Rows of each source.</param>
    /// <param name="counts">Samples of each source in an epoch.</param>
    /// <param name="seed">Seed of the shuffling.</param>
    /// <param name="epoch">0-based epoch.</param>
    /// <param name="shuffle">False keeps each source's order and spreads the sources evenly over the epoch.</param>
    public static EpochOrder Mixed(IReadOnlyList<long> rows, IReadOnlyList<long> counts, ulong seed, long epoch, bool shuffle)
    {
        ArgumentNullException.ThrowIfNull(rows);
        ArgumentNullException.ThrowIfNull(counts);
        RequireFits(rows.Sum());
        int[] order = new int[RequireFits(counts.Sum())];
        int at = 0, first = 0;
        for (int source = 0; source < rows.Count; source++)
        {
            Span<int> mine = order.AsSpan(at, (int)counts[source]);
            ulong key = CounterRandom.Mix(seed ^ CounterRandom.Mix((ulong)source + 1));
            Draw(mine, first, (int)rows[source], epoch * counts[source], shuffle ? key : null);
            at += mine.Length;
            first += (int)rows[source];
        }

        if (shuffle)
        {
            Shuffle(order, seed, epoch);
        }
        else
        {
            Spread(order, counts);
        }

        return new EpochOrder(order.Length, order);
    }

    /// <summary>The next samples of one source, from a position in its passes.</summary>
    private static void Draw(Span<int> target, int first, int rows, long position, ulong? seed)
    {
        for (int filled = 0; filled < target.Length;)
        {
            long within = position % rows;
            int take = (int)Math.Min(rows - within, target.Length - filled);

            // Which rows a whole pass has does not depend on its order, and the order is drawn anew for the epoch.
            EpochOrder pass = seed is { } s && take < rows ? Shuffled(rows, s, position / rows) : Sequential(rows);
            for (int i = 0; i < take; i++)
            {
                target[filled + i] = first + (int)pass[within + i];
            }

            filled += take;
            position += take;
        }
    }

    /// <summary>Orders entries such that the k-th of a source's n comes at (k + 1/2) / n of the epoch.</summary>
    private static void Spread(int[] order, IReadOnlyList<long> counts)
    {
        double[] places = new double[order.Length];
        for (int source = 0, at = 0; source < counts.Count; source++)
        {
            for (long k = 0; k < counts[source]; k++)
            {
                places[at++] = (k + 0.5) / counts[source];
            }
        }

        // A stable sort: at the same place the earlier source comes first.
        int[] entries = [.. Enumerable.Range(0, order.Length).OrderBy(i => places[i]).Select(i => order[i])];
        entries.CopyTo(order, 0);
    }

    private static void Shuffle(int[] rows, ulong seed, long epoch)
    {
        var random = new CounterRandom(seed, (ulong)epoch);
        for (int i = rows.Length - 1; i > 0; i--)
        {
            int j = (int)random.Below((uint)i + 1);
            (rows[i], rows[j]) = (rows[j], rows[i]);
        }
    }

    private static int RequireFits(long count) => count <= Array.MaxLength
        ? (int)count
        : throw new InvalidDataException(FormattableString.Invariant($"{count} rows are too many to shuffle or mix; expected at most {Array.MaxLength}. Set data.shuffle to false, or split the data."));
}
