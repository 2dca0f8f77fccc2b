namespace Lorikeet.Data.Sampling;

/// <summary>
/// The endless sequence of rows that training consumes: epoch after epoch, each in its own order. A position counts rows consumed since
/// the start of training, so that it alone is the cursor of a checkpoint. Safe from several threads.
/// </summary>
/// <param name="count">Rows of the data set; at least one.</param>
/// <param name="seed">Seed of the shuffling.</param>
/// <param name="shuffle">False keeps the file's order in every epoch.</param>
public sealed class RowSampler(long count, ulong seed, bool shuffle)
{
    private readonly Lock _lock = new();
    private readonly Dictionary<long, EpochOrder> _orders = [];

    /// <summary>Rows per epoch.</summary>
    public long Count { get; } = count > 0 ? count : throw new InvalidDataException("the data set has no rows; expected at least one.");

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

                order = shuffle ? EpochOrder.Shuffled(Count, seed, epoch) : EpochOrder.Sequential(Count);
                _orders.Add(epoch, order);
            }

            return order;
        }
    }
}
