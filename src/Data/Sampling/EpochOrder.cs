namespace Lorikeet.Data.Sampling;

/// <summary>
/// The order of the rows in one epoch: a uniformly random permutation that depends on the seed, the epoch and the number of rows alone
/// (never on threads, or on what was drawn before), or the file's order. Holds 4 bytes per row when shuffled.
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
        if (count > Array.MaxLength)
        {
            throw new InvalidDataException(FormattableString.Invariant($"{count} rows are too many to shuffle; expected at most {Array.MaxLength}. Set data.shuffle to false, or split the file."));
        }

        int[] rows = new int[count];
        for (int i = 0; i < rows.Length; i++)
        {
            rows[i] = i;
        }

        var random = new CounterRandom(seed, (ulong)epoch);
        for (int i = rows.Length - 1; i > 0; i--)
        {
            int j = (int)random.Below((uint)i + 1);
            (rows[i], rows[j]) = (rows[j], rows[i]);
        }

        return new EpochOrder(count, rows);
    }
}
