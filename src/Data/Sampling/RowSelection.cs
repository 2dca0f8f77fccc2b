namespace Lorikeet.Data.Sampling;

/// <summary>
/// Which rows of a source are used: ranges, and perhaps of those all but some, or only some. Holds 8 bytes per row held out, nothing per
/// row else.
/// </summary>
internal sealed class RowSelection
{
    private readonly IReadOnlyList<(long From, long To)> _ranges;
    private readonly long[]? _marked;
    private readonly bool _onlyMarked;

    private RowSelection(IReadOnlyList<(long From, long To)> ranges, long[]? marked, bool onlyMarked)
    {
        _ranges = ranges;
        _marked = marked;
        _onlyMarked = onlyMarked;
        long all = ranges.Sum(r => r.To - r.From);
        Count = marked is null ? all : onlyMarked ? marked.Length : all - marked.Length;
    }

    /// <summary>Number of selected rows.</summary>
    public long Count { get; }

    /// <summary>The ranges [From, To), in the order written.</summary>
    public IReadOnlyList<(long From, long To)> Ranges => _ranges;

    /// <summary>Ranges in the order written, cut after a number of rows.</summary>
    public static RowSelection Of(IReadOnlyList<(long From, long To)> ranges, long? maxSamples)
    {
        if (maxSamples < 1)
        {
            throw new InvalidDataException(FormattableString.Invariant($"max_samples is {maxSamples}; expected at least 1."));
        }

        var limited = new List<(long From, long To)>();
        long left = maxSamples ?? long.MaxValue;
        foreach ((long from, long to) in ranges)
        {
            if (left > 0)
            {
                limited.Add((from, from + Math.Min(left, to - from)));
                left -= to - from;
            }
        }

        return new RowSelection(limited, null, false);
    }

    /// <summary>Holds out some rows, drawn from a seed: the rest and the held-out ones, both in this selection's order.</summary>
    public (RowSelection Kept, RowSelection HeldOut) HoldOut(long count, ulong seed, int source)
    {
        // Epochs count up from 0, so a negative one is a stream of its own.
        EpochOrder order = EpochOrder.Shuffled(Count, seed, -1 - source);
        long[] marked = new long[count];
        for (int i = 0; i < marked.Length; i++)
        {
            marked[i] = order[i];
        }

        Array.Sort(marked);
        return (new RowSelection(_ranges, marked, false), new RowSelection(_ranges, marked, true));
    }

    /// <summary>The source's row behind a 0-based index.</summary>
    public long RowOf(long index)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((ulong)index, (ulong)Count, nameof(index));
        index = _marked is null ? index : _onlyMarked ? _marked[index] : Unmarked(index);
        foreach ((long from, long to) in _ranges)
        {
            if (index < to - from)
            {
                return from + index;
            }

            index -= to - from;
        }

        throw new InvalidOperationException("the ranges do not add up to the count.");
    }

    /// <summary>True where the two select a row in common or this one selects a row twice; held-out rows are not looked at.</summary>
    public bool Overlaps(RowSelection other)
    {
        for (int i = 0; i < _ranges.Count; i++)
        {
            for (int j = ReferenceEquals(this, other) ? i + 1 : 0; j < other._ranges.Count; j++)
            {
                if (_ranges[i].From < other._ranges[j].To && other._ranges[j].From < _ranges[i].To)
                {
                    return true;
                }
            }
        }

        return false;
    }

    /// <inheritdoc/>
    public override string ToString() => FormattableString.Invariant(
        $"{string.Join(';', _ranges)}{(_marked is null ? "" : _onlyMarked ? " only" : " without")} {string.Join(',', _marked ?? [])}").TrimEnd();

    /// <summary>The place of the index-th row that is not marked: as many marked ones stand before it as lie below the sought place.</summary>
    private long Unmarked(long index)
    {
        (int low, int high) = (0, _marked!.Length);
        while (low < high)
        {
            int middle = (low + high) / 2;
            (low, high) = _marked[middle] - middle <= index ? (middle + 1, high) : (low, middle);
        }

        return index + low;
    }
}
