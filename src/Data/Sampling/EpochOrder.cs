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

    /// <summary>SplitMix64 over a counter that starts at a place given by seed and stream. Source: Steele, Lea and Flood 2014.</summary>
    private struct CounterRandom(ulong seed, ulong stream)
    {
        private const ulong Gamma = 0x9E3779B97F4A7C15;

        private ulong _state = Mix(Mix(seed + Gamma) ^ (stream * 0xD1342543DE82EF95));

        /// <summary>A uniform number below a bound; rejects the few draws that would favour small numbers (Lemire 2019).</summary>
        public uint Below(uint bound)
        {
            uint threshold = (uint)(-bound) % bound;
            while (true)
            {
                _state += Gamma;
                ulong product = (ulong)(uint)(Mix(_state) >> 32) * bound;
                if ((uint)product >= threshold)
                {
                    return (uint)(product >> 32);
                }
            }
        }

        private static ulong Mix(ulong z)
        {
            z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
            z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
            return z ^ (z >> 31);
        }
    }
}
