using Lorikeet.Data;
using Lorikeet.Generation;
using Lorikeet.Models;
using Lorikeet.Tensors;
using Lorikeet.Tensors.Ops;

namespace Lorikeet.Evaluation;

/// <summary>How a model is evaluated.</summary>
public sealed record EvaluationSettings
{
    /// <summary>Rows at a time.</summary>
    public int BatchSize { get; init; } = 8;

    /// <summary>How tokens are chosen and when to stop.</summary>
    public SamplingOptions Sampling { get; init; } = new();

    /// <summary>Whether rows that cannot be used are recorded and left out instead of ending the evaluation.</summary>
    public bool SkipBadRows { get; init; }
}

/// <summary>How far an evaluation has come.</summary>
/// <param name="Done">Rows that are done, those of an earlier start included.</param>
/// <param name="Total">All rows.</param>
/// <param name="Tokens">Tokens generated (answers) or read (losses) since this start.</param>
public readonly record struct EvaluationProgress(int Done, int Total, long Tokens);

/// <summary>Answers the rows of a data set with one model, and computes the loss of their right answers. Rows that a log already holds are left alone.</summary>
/// <param name="loaded">The model.</param>
/// <param name="parameters">Where tensors live.</param>
/// <param name="compute">Arithmetic of matrix products.</param>
/// <param name="rows">The rows.</param>
/// <param name="settings">How.</param>
public sealed class ModelEvaluation(LoadedModel loaded, Parameters parameters, Compute compute, EvaluationRows rows, EvaluationSettings settings)
{
    private const int RowsAhead = 2;

    /// <summary>Generates the missing answers. Rows are appended as they are finished, and the file is put into order at the end.</summary>
    /// <param name="log">Where answers go.</param>
    /// <param name="references">Right answers of a row, kept beside the answer.</param>
    /// <param name="progress">Told after each row.</param>
    /// <param name="cancellation">Stops between tokens.</param>
    /// <exception cref="InvalidDataException">A row cannot be used and is not to be skipped.</exception>
    public void Answer(RowLog<AnsweredRow> log, Func<int, IReadOnlyList<string>> references, Action<EvaluationProgress> progress, CancellationToken cancellation)
    {
        int[] missing = [.. Enumerable.Range(0, rows.Count).Where(row => !log.Rows.ContainsKey(row))];
        var generator = new BatchGenerator(loaded, parameters, compute, new BatchOptions { BatchSize = settings.BatchSize });
        long tokens = 0;
        using var prompts = new Prefetcher<Loaded>(0, missing.Length, (i, _) => Load(missing[i], rows.Prompt), RowsAhead);
        foreach (BatchAnswer answer in generator.Stream(Prompts(prompts, error => log.Add(new AnsweredRow { Row = error.Row, Origin = rows.Describe(error.Row), Error = error.Error }), cancellation), settings.Sampling, cancellation))
        {
            log.Add(new AnsweredRow
            {
                Row = answer.Key,
                Origin = rows.Describe(answer.Key),
                Answer = answer.Answer.Text.Trim(),
                References = references(answer.Key),
                Stop = answer.Answer.Reason switch
                {
                    StopReason.EndOfText => "end",
                    StopReason.StopString => "stop_string",
                    _ => "max_new_tokens",
                },
                PromptTokens = answer.PromptTokens,
                Tokens = answer.Answer.Tokens.Count,
            });
            tokens += answer.Answer.Tokens.Count;
            progress(new EvaluationProgress(log.Rows.Count, rows.Count, tokens));
        }

        log.Sort();
    }

    /// <summary>Computes the missing losses, a batch at a time.</summary>
    /// <param name="log">Where losses go.</param>
    /// <param name="progress">Told after each batch.</param>
    /// <param name="cancellation">Stops between blocks.</param>
    /// <exception cref="InvalidDataException">A row cannot be used and is not to be skipped.</exception>
    public void Losses(RowLog<LossRow> log, Action<EvaluationProgress> progress, CancellationToken cancellation)
    {
        int[] missing = [.. Enumerable.Range(0, rows.Count).Where(row => !log.Rows.ContainsKey(row))];
        int[][] batches = [.. missing.Chunk(settings.BatchSize)];
        long tokens = 0;
        using var inputs = new Prefetcher<Loaded[]>(0, batches.Length, (i, _) => [.. batches[i].Select(row => Load(row, rows.Whole))], RowsAhead);
        while (inputs.TryTake(out Loaded[] batch, cancellation))
        {
            foreach (Loaded bad in batch.Where(b => b.Sample is null))
            {
                log.Add(new LossRow { Row = bad.Row, Error = bad.Error });
            }

            Loaded[] good = [.. batch.Where(b => b.Sample is not null)];
            if (good.Length > 0)
            {
                ModelInput input = rows.Collate([.. good.Select(g => g.Sample!)]);
                foreach ((Loaded row, (double sum, long count)) in good.Zip(LossPerSequence(input, cancellation)))
                {
                    log.Add(new LossRow { Row = row.Row, LossSum = sum, LossTokens = count });
                }

                tokens += input.Tokens.Count;
            }

            progress(new EvaluationProgress(log.Rows.Count, rows.Count, tokens));
        }

        log.Sort();
    }

    private static IEnumerable<BatchPrompt> Prompts(Prefetcher<Loaded> source, Action<Loaded> onError, CancellationToken cancellation)
    {
        while (source.TryTake(out Loaded loaded, cancellation))
        {
            if (loaded.Sample is { } sample)
            {
                yield return new BatchPrompt(loaded.Row, sample);
            }
            else
            {
                onError(loaded);
            }
        }
    }

    private Loaded Load(int row, Func<int, EncodedSample> load)
    {
        try
        {
            return new Loaded(row, load(row), null);
        }
        catch (InvalidDataException e) when (settings.SkipBadRows)
        {
            return new Loaded(row, null, e.Message);
        }
    }

    private (double Sum, long Count)[] LossPerSequence(ModelInput input, CancellationToken cancellation)
    {
        using var scope = new StepScope(parameters.Device, parameters.Arena, record: false) { Compute = compute, Cancellation = cancellation };
        (int[] at, int[] labels) = input.Tokens.Supervised();
        Tensor hidden = loaded.Model.Hidden(scope, input);
        float[] losses = LinearCrossEntropy.Forward(scope, hidden, loaded.Model.LmHead.Weight, scope.From(at), scope.From(labels)).ToHost<float>();
        int[] starts = input.Tokens.Starts();
        var sums = new (double Sum, long Count)[starts.Length];
        int sequence = 0;
        for (int i = 0; i < at.Length; i++)
        {
            while (sequence + 1 < starts.Length && at[i] >= starts[sequence + 1])
            {
                sequence++;
            }

            sums[sequence] = (sums[sequence].Sum + losses[i], sums[sequence].Count + 1);
        }

        return sums;
    }

    private sealed record Loaded(int Row, EncodedSample? Sample, string? Error);
}
