using Lorikeet.Data;
using Lorikeet.Models;
using Lorikeet.Tensors;
using Lorikeet.Training.Batching;
using Lorikeet.Training.Objectives;

namespace Lorikeet.Training;

/// <summary>Mean loss per supervised token over a whole data set, without dropout.</summary>
public sealed class LossEvaluation(VisionLanguageModel model, IObjective objective, SampleLoader loader, LossEvaluationOptions options)
{
    /// <summary>Goes through the data once.</summary>
    /// <returns>Mean loss per supervised token, and the number of samples.</returns>
    public (double Loss, long Samples) Run(CancellationToken cancellation)
    {
        long batches = (loader.Count + options.BatchSize - 1) / options.BatchSize;
        using var inputs = new Prefetcher<LoadedBatch>(0, batches, Load, capacity: 2);
        double sum = 0;
        long count = 0, samples = loader.Count;
        while (inputs.TryTake(out LoadedBatch batch, cancellation))
        {
            foreach (RowRemark remark in batch.Remarks)
            {
                samples -= remark.Action == RowAction.Downscaled ? 0 : 1;
                options.Remarks?.Invoke(remark);
            }

            if (batch.Input is not { } input)
            {
                continue;
            }

            using var scope = new StepScope(options.Parameters.Device, options.Parameters.Arena, record: false) { Compute = options.Compute, Cancellation = cancellation };
            foreach (LossTerm term in objective.Compute(scope, model, input))
            {
                sum += term.Coefficient * term.Sum.ToHost<float>()[0];
                count += term.Count;
            }

            options.Progress?.Invoke(Math.Min(loader.Count, inputs.Position * options.BatchSize), loader.Count);
        }

        return (count == 0 ? double.NaN : sum / count, samples);
    }

    private LoadedBatch Load(long batch, CancellationToken cancellation)
    {
        long start = batch * options.BatchSize, end = Math.Min(loader.Count, start + options.BatchSize);
        var rows = new List<PlannedRow>();
        for (long i = start; i < end; i++)
        {
            rows.Add(new PlannedRow(0, i));
        }

        return loader.LoadBatch(rows, seed: null);
    }
}

/// <summary>How an evaluation runs.</summary>
/// <param name="Parameters">Where tensors live.</param>
/// <param name="Compute">Arithmetic of matrix products.</param>
/// <param name="BatchSize">Samples per batch.</param>
/// <param name="Remarks">Hears of rows left out or changed.</param>
public sealed record LossEvaluationOptions(Parameters Parameters, Compute Compute, int BatchSize, Action<RowRemark>? Remarks = null)
{
    /// <summary>Hears how many of how many samples are done.</summary>
    public Action<long, long>? Progress { get; init; }
}
