using Lorikeet.Evaluation;
using Lorikeet.Generation;
using Lorikeet.Models;
using Lorikeet.Tensors;
using Lorikeet.Tracking;
using Lorikeet.Training.Batching;
using Lorikeet.Training.Config;
using Lorikeet.Training.Objectives;

namespace Lorikeet.Training.Evaluating;

/// <summary>What evaluations need of a run.</summary>
/// <param name="Parameters">Where tensors live.</param>
/// <param name="Compute">Arithmetic of matrix products.</param>
/// <param name="Listener">Hears of progress and replies.</param>
/// <param name="Remarks">Hears of rows left out or changed.</param>
/// <param name="Clock">The clock.</param>
internal sealed record EvaluationParts(Parameters Parameters, Compute Compute, IRunListener Listener, Action<RowRemark> Remarks, TimeProvider Clock);

/// <summary>Makes a run's evaluation as its run file says.</summary>
internal static class EvaluationSetup
{
    /// <summary>By what the best model is chosen, and when the run ends early.</summary>
    public static BestModelOptions Best(TrainSection train)
    {
        string metric = EvaluationChecks.Metric(train);
        return new BestModelOptions
        {
            Metric = metric,
            GreaterIsBetter = train.GreaterIsBetter ?? !metric.EndsWith(BestModelOptions.Loss, StringComparison.Ordinal),
            Patience = train.EarlyStoppingPatience,
            Threshold = train.EarlyStoppingThreshold,
            IsSaved = train.LoadBestModelAtEnd || train.SaveStrategy == SaveStrategy.Best,
        };
    }

    /// <summary>Opens the evaluation data; null where the run evaluates nothing.</summary>
    public static IEvaluation? Open(RunConfig config, LoadedModel loaded, RunData data, EvaluationParts parts)
    {
        TrainSection train = config.Train;
        if (train.EvalStrategy == Strategy.No || data.OpenEvaluation() is not { } loader)
        {
            return null;
        }

        var loss = new LossEvaluation(loaded.Model, new Sft(), loader, new LossEvaluationOptions(parts.Parameters, parts.Compute, train.PerDeviceEvalBatchSize, parts.Remarks)
        {
            Progress = (done, all) => parts.Listener.On(new Progressed { Activity = "evaluating", Done = done, Total = all }),
        });
        SampleReplies? replies = Replies(config, loaded, loader, parts.Parameters, parts.Compute);
        return new RunEvaluation(loss, replies, parts.Listener, parts.Clock);
    }

    /// <summary>The replies to a few samples that an evaluation asks for; null where the run asks for none.</summary>
    public static SampleReplies? Replies(RunConfig config, LoadedModel loaded, SampleLoader loader, Parameters parameters, Compute compute)
    {
        TrainSection train = config.Train;
        return train.EvalGenerations == 0 || config.Objective != TrainingObjective.Sft ? null : new SampleReplies(loaded, parameters, loader.Rows, new SampleRepliesOptions
        {
            Count = train.EvalGenerations,
            Sampling = Sampling(config.Generation, (ulong)train.Seed),
            Encoding = DataEncoding.Of(config.Data) with { Loss = LossOn.Nothing, AddGenerationPrompt = true },
            Metrics = Metrics(EvaluationChecks.Metric(train)),
            Compute = compute,
            BatchSize = train.PerDeviceEvalBatchSize,
            SkipsUnusable = config.Data.OnError == RowErrorPolicy.Skip,
        });
    }

    private static IReadOnlyList<IMetric> Metrics(string best) =>
        MetricCatalog.Create(best == BestModelOptions.Loss ? MetricCatalog.Default : [.. MetricCatalog.Default, best], new MetricOptions());

    private static SamplingOptions Sampling(GenerationSection g, ulong seed) => new()
    {
        MaxNewTokens = g.MaxNewTokens,
        Temperature = g.Temperature,
        TopK = g.TopK,
        TopP = g.TopP,
        MinP = g.MinP,
        TypicalP = g.TypicalP,
        RepetitionPenalty = g.RepetitionPenalty,
        Seed = seed,
    };
}
