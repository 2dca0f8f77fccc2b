using System.Globalization;
using Lorikeet.Data;
using Lorikeet.Data.Augment;
using Lorikeet.Models;

namespace Lorikeet.Training.Batching;

/// <summary>Training steps from a data set: reading, decoding and encoding run ahead of the computation on other threads.</summary>
public sealed class DatasetTraining : ITrainingData, IDisposable
{
    private const int StepsAhead = 2;
    private readonly SampleLoader _loader;
    private readonly StepPlan _plan;
    private readonly ulong? _seed;
    private readonly Action<RowRemark> _remarks;
    private readonly Prefetcher<LoadedStep> _prefetcher;
    private int _emptySteps;

    /// <summary>Starts reading ahead.</summary>
    /// <param name="loader">The rows.</param>
    /// <param name="plan">Which rows each step consumes.</param>
    /// <param name="seed">Of dropout, or null without.</param>
    /// <param name="startStep">First step to deliver.</param>
    /// <param name="remarks">Hears of rows left out or changed, in order, when their step is delivered.</param>
    public DatasetTraining(SampleLoader loader, StepPlan plan, ulong? seed, int startStep, Action<RowRemark>? remarks = null)
    {
        _loader = loader;
        _plan = plan;
        _seed = seed;
        _remarks = remarks ?? (_ => { });
        _prefetcher = new Prefetcher<LoadedStep>(startStep, plan.TotalSteps, Load, StepsAhead);
    }

    /// <summary>What was changed at random in the steps delivered so far.</summary>
    public AugmentCounts Augmented { get; } = new();

    /// <inheritdoc/>
    /// <exception cref="InvalidDataException">A row is unusable, or in a whole epoch every row was left out.</exception>
    public TrainingStep Next(int step, CancellationToken cancellation)
    {
        if (_prefetcher.Position != step || !_prefetcher.TryTake(out LoadedStep loaded, cancellation))
        {
            throw new InvalidOperationException(string.Create(CultureInfo.InvariantCulture, $"step {step} was asked for, {_prefetcher.Position} is next"));
        }

        foreach (RowRemark remark in loaded.Remarks)
        {
            _remarks(remark);
        }

        Augmented.Add(loaded.Augmented);
        _emptySteps = loaded.Step.MicroBatches.Count == 0 ? _emptySteps + 1 : 0;
        return _emptySteps < _plan.StepsPerEpoch
            ? loaded.Step
            : throw new InvalidDataException($"every row of the training data was left out; the first: {loaded.Remarks[0].Origin}: {loaded.Remarks[0].Reason}");
    }

    /// <inheritdoc/>
    public void Dispose() => _prefetcher.Dispose();

    private LoadedStep Load(long step, CancellationToken cancellation)
    {
        var batches = new List<ModelInput>();
        var origins = new List<string>();
        var remarks = new List<RowRemark>();
        var augmented = new AugmentCounts();
        int images = 0;
        foreach (IReadOnlyList<PlannedRow> rows in _plan.Step((int)step))
        {
            cancellation.ThrowIfCancellationRequested();
            LoadedBatch batch = _loader.LoadBatch(rows, _seed);
            remarks.AddRange(batch.Remarks);
            augmented.Add(batch.Augmented);
            if (batch.Input is { } input)
            {
                batches.Add(input);
                images += batch.Images;
                origins.AddRange(rows.Select(row => _loader.Describe(row.Row)));
            }
        }

        return new LoadedStep(new TrainingStep(batches, images, origins), remarks, augmented);
    }

    private sealed record LoadedStep(TrainingStep Step, IReadOnlyList<RowRemark> Remarks, AugmentCounts Augmented);
}
