namespace Lorikeet.Training.Batching;

/// <summary>
/// Which rows each optimizer step consumes: a pure function of the step, so that a cursor is one number and resuming needs
/// no replay. Counting follows transformers' Trainer: the last batch of an epoch may be short, and so may its last accumulation.
/// </summary>
public sealed class StepPlan
{
    private readonly Func<int, long, long> _order;
    private readonly RowPacks? _packs;

    /// <summary>Makes a plan.</summary>
    /// <param name="rows">Rows (or packs of rows) per epoch, at least one.</param>
    /// <param name="batchSize">Rows (or packs) per micro-batch.</param>
    /// <param name="accumulation">Micro-batches per step.</param>
    /// <param name="length">Epochs and steps.</param>
    /// <param name="order">Maps (epoch, position) to a row or pack: the identity, or a seeded permutation.</param>
    /// <param name="packs">The rows of each pack; null where nothing is packed.</param>
    public StepPlan(long rows, int batchSize, int accumulation, RunLength length, Func<int, long, long> order, RowPacks? packs = null)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(rows, 1);
        Rows = rows;
        BatchSize = batchSize;
        Accumulation = accumulation;
        _order = order;
        _packs = packs;
        long batches = (rows + batchSize - 1) / batchSize;
        StepsPerEpoch = checked((int)((batches + accumulation - 1) / accumulation));
        TotalSteps = length.MaxSteps > 0 ? length.MaxSteps : checked((int)Math.Ceiling(length.Epochs * StepsPerEpoch));
    }

    /// <summary>Rows per epoch; packs where rows are packed.</summary>
    public long Rows { get; }

    /// <summary>Rows (or packs) per micro-batch.</summary>
    public int BatchSize { get; }

    /// <summary>Micro-batches per step.</summary>
    public int Accumulation { get; }

    /// <summary>Steps per epoch.</summary>
    public int StepsPerEpoch { get; }

    /// <summary>Steps of the whole run.</summary>
    public int TotalSteps { get; }

    /// <summary>Fraction of epochs done after a number of steps.</summary>
    public double EpochAfter(int steps) => (double)steps / StepsPerEpoch;

    /// <summary>Rows (or packs) consumed after a number of steps.</summary>
    public long ConsumedAfter(int steps) =>
        ((long)(steps / StepsPerEpoch) * Rows) + Math.Min(Rows, (long)(steps % StepsPerEpoch) * BatchSize * Accumulation);

    /// <summary>The micro-batches of a 0-based step.</summary>
    public IReadOnlyList<IReadOnlyList<PlannedRow>> Step(int step)
    {
        int epoch = step / StepsPerEpoch;
        long first = (long)(step % StepsPerEpoch) * BatchSize * Accumulation;
        var batches = new List<IReadOnlyList<PlannedRow>>();
        for (int a = 0; a < Accumulation; a++)
        {
            long start = first + ((long)a * BatchSize), end = Math.Min(Rows, start + BatchSize);
            if (start >= Rows)
            {
                break;
            }

            var batch = new List<PlannedRow>();
            for (long i = start; i < end; i++)
            {
                long row = _order(epoch, i);
                batch.AddRange(_packs is null ? [new PlannedRow(epoch, row)] : _packs[row].Select(r => new PlannedRow(epoch, r)));
            }

            batches.Add(batch);
        }

        return batches;
    }
}

/// <summary>How long a run is.</summary>
/// <param name="Epochs">Passes over the data, possibly a fraction.</param>
/// <param name="MaxSteps">Steps; positive values override the epochs.</param>
public readonly record struct RunLength(double Epochs, int MaxSteps);

/// <summary>A row in an epoch.</summary>
/// <param name="Epoch">0-based epoch.</param>
/// <param name="Row">0-based row of the data.</param>
public readonly record struct PlannedRow(int Epoch, long Row);
