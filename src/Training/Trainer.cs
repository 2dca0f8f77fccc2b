using System.Globalization;
using Lorikeet.Models;
using Lorikeet.Tensors;
using Lorikeet.Tracking;
using Lorikeet.Training.Evaluating;
using Lorikeet.Training.Objectives;

namespace Lorikeet.Training;

/// <summary>The only training loop: steps, evaluations and checkpoints of any objective on any model.</summary>
public sealed class Trainer(TrainerSetup setup)
{
    private readonly TrainerOptions _options = setup.Options;
    private readonly BestModel _best = new(setup.Options.Best, setup.Options.Start);
    private readonly RecentLosses _losses = new(Math.Max(1, setup.Options.TotalSteps / 10));
    private int _savedStep = setup.Options.Start.Step;
    private bool _owesEvaluation = setup.Options.Start.OwesEvaluation;

    /// <summary>Steps done, those before this process included.</summary>
    public int StepsDone { get; private set; } = setup.Options.Start.Step;

    /// <summary>Trains to the last step, or until asked to stop.</summary>
    /// <param name="stop">Asks for an orderly end: the step in flight is finished and a checkpoint saved.</param>
    /// <param name="abort">Gives up at once.</param>
    /// <exception cref="TrainingDivergedException">The loss or the gradient is no longer finite.</exception>
    public TrainResult Run(CancellationToken stop, CancellationToken abort)
    {
        double seconds = 0;
        long tokens = 0;
        int step = _options.Start.Step;
        if (_owesEvaluation || (step == 0 && _options.EvaluateOnStart))
        {
            Evaluate(step, stop, abort);
        }

        for (; step < _options.TotalSteps && !_best.IsOver && !stop.IsCancellationRequested; step++)
        {
            long began = setup.Clock.GetTimestamp();
            TrainingStep input = setup.Data.Next(step, abort);
            StepsDone = step + 1;
            if (input.MicroBatches.Count == 0)
            {
                setup.Listener.On(new Noted { Message = string.Create(CultureInfo.InvariantCulture, $"step {step + 1}: each of its rows was left out, so nothing is updated") });
            }
            else
            {
                StepOutcome outcome = Step(step, input, abort);
                double took = setup.Clock.GetElapsedTime(began).TotalSeconds;
                (seconds, tokens) = (seconds + took, tokens + input.Tokens);
                _losses.Add(outcome.Loss);
                Report(step + 1, input, outcome, took);
            }

            if (_options.EvaluateAt(step + 1))
            {
                Evaluate(step + 1, stop, abort);
            }

            if (_options.SaveAt(step + 1) && _savedStep != step + 1)
            {
                Save(step + 1);
            }
        }

        bool isOver = _best.IsOver && step < _options.TotalSteps;
        bool interrupted = (step < _options.TotalSteps && !isOver) || _owesEvaluation;
        if (interrupted && step > _savedStep)
        {
            Save(step);
        }

        if (isOver)
        {
            setup.Listener.On(new EarlyStopped { Step = step, Evaluations = _best.WithoutImprovement, Metric = _options.Best.Metric, BestMetric = _best.Metric, BestStep = _best.Step });
        }

        return new TrainResult(step, interrupted, _losses.Mean, tokens, seconds, _best.Metric, _best.Step, isOver);
    }

    /// <summary>
    /// Forward and backward of every micro-batch, then one update. Only here is anything divided. What the step tells is read once, at its
    /// end, so that the host never waits for the device in between.
    /// </summary>
    private StepOutcome Step(int step, TrainingStep input, CancellationToken abort)
    {
        IReadOnlyList<long>[] counts = [.. input.MicroBatches.Select(setup.Objective.Counts)];
        long[] totals = [.. Enumerable.Range(0, counts[0].Count).Select(term => counts.Sum(c => c[term]))];
        using var sums = new StepSums(setup.Parameters, counts.Length, totals.Length);
        for (int m = 0; m < counts.Length; m++)
        {
            double[] weights = [.. counts[m].Select((count, term) => _options.MicroBatchMean ? 1.0 / (Math.Max(1, count) * counts.Length) : 1.0 / Math.Max(1, totals[term]))];
            if (counts[m].Any(count => count > 0))
            {
                MicroBatch(input.MicroBatches[m], m, weights, sums, abort);
            }
        }

        double rate = setup.LearningRate(step);
        setup.Optimizer.Step(rate);
        (double loss, double norm, SortedDictionary<string, double> metrics) = sums.Read(setup.Optimizer.Norm);
        RequireFinite("loss", loss, step, input);
        RequireFinite("gradient norm", norm, step, input);
        return new StepOutcome(loss, norm, rate, totals[0], metrics);
    }

    private void MicroBatch(ModelInput batch, int index, double[] weights, StepSums sums, CancellationToken abort)
    {
        using var scope = new StepScope(setup.Parameters.Device, setup.Parameters.Arena, record: true)
        {
            Compute = _options.Compute,
            Training = _options.Dropout,
            Cancellation = abort,
        };
        IReadOnlyList<LossTerm> terms = setup.Objective.Compute(scope, setup.Model, batch);
        for (int t = 0; t < terms.Count; t++)
        {
            sums.Add(index, t, terms[t], weights[t]);
        }

        scope.Backward([.. terms.Select((term, t) => (term.Sum, (float)(term.Coefficient * weights[t]))).Where(r => r.Sum.NeedsGrad)]);
    }

    private void RequireFinite(string what, double value, int step, TrainingStep input)
    {
        if (!double.IsFinite(value))
        {
            setup.Optimizer.ClearGradients();
            string samples = input.Origins.Count == 0 ? "" : $" Samples of this step: {string.Join(", ", input.Origins.Take(8))}.";
            throw new TrainingDivergedException(string.Create(
                CultureInfo.InvariantCulture,
                $"the {what} became {value} in step {step + 1} of {_options.TotalSteps}.{samples} Try a lower learning_rate, a longer warm-up, or f32 arithmetic (model.compute: float32); the last checkpoint is from before."));
        }
    }

    private void Report(int done, TrainingStep input, StepOutcome outcome, double took)
    {
        if (!_options.LogAt(done))
        {
            return;
        }

        setup.Listener.On(new StepTaken
        {
            Step = done,
            Steps = _options.TotalSteps,
            Epoch = (double)done / _options.StepsPerEpoch,
            Loss = outcome.Loss,
            LearningRate = outcome.LearningRate,
            GradNorm = outcome.GradNorm,
            Tokens = input.Tokens,
            SupervisedTokens = outcome.Supervised,
            Images = input.Images,
            Seconds = took,
            TokensPerS = input.Tokens / took,
            Memory = MemoryReport.Live(setup.Parameters.Arena.Account),
            Metrics = outcome.Metrics.Count > 1 ? outcome.Metrics : null,
        });
    }

    /// <summary>
    /// Evaluates, takes note of what is best and saves it where that is wanted. An evaluation before training doesn't count, for nothing
    /// has been learnt. One that takes long need not be waited for: asked to stop, the run breaks it off and makes up for it when it goes on.
    /// </summary>
    private void Evaluate(int done, CancellationToken stop, CancellationToken abort)
    {
        if (setup.Evaluation is null)
        {
            return;
        }

        EvaluationResult result;
        using var either = CancellationTokenSource.CreateLinkedTokenSource(stop, abort);
        try
        {
            result = setup.Evaluation.Run(done, either.Token);
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested && !abort.IsCancellationRequested)
        {
            _owesEvaluation = true;
            setup.Listener.On(new Noted { Message = string.Create(CultureInfo.InvariantCulture, $"the evaluation after step {done} was broken off; it is made up for when the run goes on") });
            return;
        }

        _owesEvaluation = false;
        double value = _options.Best.Metric == BestModelOptions.Loss ? result.Loss : result.Metrics?.GetValueOrDefault(_options.Best.Metric, double.NaN) ?? double.NaN;
        bool isBest = done > 0 && _best.Take(value, done);
        setup.Listener.On(new Evaluated
        {
            Step = done,
            Epoch = (double)done / _options.StepsPerEpoch,
            Loss = result.Loss,
            Samples = result.Samples,
            Seconds = result.Seconds,
            IsBest = isBest,
            Metrics = result.Metrics,
        });
        if (isBest && _options.Best.IsSaved)
        {
            Save(done);
        }
    }

    private void Save(int done)
    {
        if (setup.Save is not { } save)
        {
            return;
        }

        RunState state = _options.Start with
        {
            Step = done,
            TotalSteps = _options.TotalSteps,
            ConsumedRows = _options.ConsumedAfter(done),
            BestMetric = _best.Metric,
            BestStep = _best.Step,
            WithoutImprovement = _best.WithoutImprovement,
            BestMetricName = _options.Best.Metric,
            OwesEvaluation = _owesEvaluation,
        };
        string path = save(state);
        _savedStep = done;
        long bytes = Directory.EnumerateFiles(path).Sum(file => new FileInfo(file).Length);
        setup.Listener.On(new CheckpointSaved { Step = done, Path = path, Bytes = bytes });
    }

    private sealed record StepOutcome(double Loss, double GradNorm, double LearningRate, long Supervised, SortedDictionary<string, double> Metrics);
}
