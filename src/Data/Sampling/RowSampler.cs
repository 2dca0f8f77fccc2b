namespace Lorikeet.Data.Sampling;

/// <summary>
/// The endless sequence of rows that training consumes: epoch after epoch, each in its own order. A position counts rows consumed since
/// the start of training, so that it alone is the cursor of a checkpoint. Safe from several threads.
/// </summary>
public sealed class RowSampler
{
    private readonly Lock _lock = new();
    private readonly Dictionary<long, EpochOrder> _orders = [];
    private readonly long[] _rows;
    private readonly long[] _counts;
    private readonly ulong _seed;
    private readonly bool _shuffle;

    /// <summary>The rows of one source, each once per epoch.</summary>
    /// <param name="count">Rows of the data set; at least one.</param>
    /// <param name="seed">Seed of the shuffling.</param>
    /// <param name="shuffle">False keeps the file's order in every epoch.</param>
    public RowSampler(long count, ulong seed, bool shuffle)
        : this([new MixPart(count, null)], StoppingStrategy.AllExhausted, seed, shuffle)
    {
    }

    /// <summary>The rows of several sources, numbered one source after the other.</summary>
    /// <param name="parts">The sources.</param>
    /// <param name="strategy">How long an epoch is where sources have weights.</param>
    /// <param name="seed">Seed of the shuffling.</param>
    /// <param name="shuffle">False keeps each source's order in every epoch.</param>
    public RowSampler(IReadOnlyList<MixPart> parts, StoppingStrategy strategy, ulong seed, bool shuffle)
    {
        ArgumentNullException.ThrowIfNull(parts);
        if (parts.Count == 0 || parts.Any(p => p.Rows < 1))
        {
            throw new InvalidDataException("the data set has no rows; expected at least one.");
        }

        _rows = [.. parts.Select(p => p.Rows)];
        _counts = MixCounts.PerEpoch(parts, strategy);
        _seed = seed;
        _shuffle = shuffle;
        Count = _counts.Sum();
    }

    /// <summary>Samples per epoch.</summary>
    public long Count { get; }

    /// <summary>Samples per epoch of each source.</summary>
    public IReadOnlyList<long> Counts => _counts;

    /// <summary>The epoch, from 0, that a position falls into.</summary>
    public long EpochOf(long position) => position / Count;

    /// <summary>The row at a position.</summary>
    public long RowAt(long position)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(position);
        return Order(EpochOf(position))[position % Count];
    }

    /// <summary>The order of an epoch.</summary>
    public EpochOrder Order(long epoch)
    {
        lock (_lock)
        {
            if (!_orders.TryGetValue(epoch, out EpochOrder? order))
            {
                // Prefetching straddles at most the end of one epoch and the start of the next.
                foreach (long old in _orders.Keys.Where(e => e < epoch - 1 || e > epoch + 1).ToArray())
                {
                    _orders.Remove(old);
                }

                order = Make(epoch);
                _orders.Add(epoch, order);
            }

            return order;
        }
    }

    private EpochOrder Make(long epoch) =>
        !_rows.AsSpan().SequenceEqual(_counts) ? EpochOrder.Mixed(_rows, _counts, _seed, epoch, _shuffle)
        : _shuffle ? EpochOrder.Shuffled(Count, _seed, epoch)
        : EpochOrder.Sequential(Count);
}
