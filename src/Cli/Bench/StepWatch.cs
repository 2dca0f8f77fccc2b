using System.Diagnostics;
using Lorikeet.Models;
using Lorikeet.Tensors;
using Lorikeet.Tracking;
using Lorikeet.Training;
using Lorikeet.Training.Objectives;
using Lorikeet.Training.Planning;

namespace Lorikeet.Cli.Bench;

/// <summary>Seconds that the parts of one step took.</summary>
internal readonly record struct StepPhases(double Data, double Vision, double Text, double Backward, double Optimizer);

/// <summary>A step as it was measured.</summary>
/// <param name="Seconds">Of the whole step.</param>
/// <param name="ProcessorSeconds">Of all threads, reading ahead included.</param>
/// <param name="Phases">Its parts.</param>
/// <param name="Loss">Mean loss per token.</param>
/// <param name="Tokens">Tokens.</param>
/// <param name="Flops">Operations that it needs.</param>
/// <param name="PeakGflops">What the machine reached right after it.</param>
internal sealed record MeasuredStep(double Seconds, double ProcessorSeconds, StepPhases Phases, double Loss, long Tokens, double Flops, double PeakGflops);

/// <summary>
/// Notes when the parts of each step begin: it stands between the trainer and its data, objective, schedule and listener,
/// which are called at the seams, and changes nothing about the loop.
/// </summary>
/// <remarks>A GPU works behind the host: the parts of a step can only be told apart where the host waits for it between them.</remarks>
internal sealed class StepWatch(VisionLanguageModel model, Func<double> betweenSteps, Action<string> note) : ITrainingData, IObjective, IRunListener
{
    private readonly List<MeasuredStep> _steps = [];
    private readonly Sft _sft = new();
    private ITrainingData? _data;
    private double _flops, _processor;
    private long _asked, _input, _features, _forward, _update;

    /// <summary>Waits for the device where a part of a step ends; by default it is done by then.</summary>
    public Action Await { get; init; } = static () => { };

    /// <summary>The steps so far.</summary>
    public IReadOnlyList<MeasuredStep> Steps => _steps;

    /// <inheritdoc/>
    public string Name => _sft.Name;

    /// <summary>Delivers this data.</summary>
    public StepWatch Over(ITrainingData data)
    {
        _data = data;
        model.VisionDone = () => _features = Now();
        return this;
    }

    /// <summary>A schedule with one rate.</summary>
    public Func<int, double> Constant(double rate) => _ =>
    {
        // The trainer asks for the rate when gradients are complete.
        _update = Now();
        return rate;
    };

    /// <inheritdoc/>
    public TrainingStep Next(int step, CancellationToken cancellation)
    {
        _processor = Environment.CpuUsage.TotalTime.TotalSeconds;
        _asked = Stopwatch.GetTimestamp();
        TrainingStep input = _data!.Next(step, cancellation);
        _flops = input.MicroBatches.Sum(batch => StepFlops.OfTraining(model, batch));
        _input = _features = Stopwatch.GetTimestamp();
        return input;
    }

    /// <inheritdoc/>
    public IReadOnlyList<long> Counts(ModelInput batch) => _sft.Counts(batch);

    /// <inheritdoc/>
    public IReadOnlyList<LossTerm> Compute(StepScope scope, VisionLanguageModel trained, ModelInput batch)
    {
        IReadOnlyList<LossTerm> terms = _sft.Compute(scope, trained, batch);
        _forward = Now();
        return terms;
    }

    /// <inheritdoc/>
    public void On(RunEvent happened)
    {
        if (happened is not StepTaken step)
        {
            return;
        }

        double processor = Environment.CpuUsage.TotalTime.TotalSeconds - _processor;
        long end = Stopwatch.GetTimestamp();
        var phases = new StepPhases(Between(_asked, _input), Between(_input, _features), Between(_features, _forward), Between(_forward, _update), Between(_update, end));
        _steps.Add(new MeasuredStep(step.Seconds, processor, phases, step.Loss, step.Tokens, _flops, betweenSteps()));
        note(FormattableString.Invariant($"step {step.Step} of {step.Steps}: {step.Seconds:f3} s, loss {step.Loss:f4}"));
    }

    private long Now()
    {
        Await();
        return Stopwatch.GetTimestamp();
    }

    private static double Between(long start, long end) => Stopwatch.GetElapsedTime(start, end).TotalSeconds;
}
