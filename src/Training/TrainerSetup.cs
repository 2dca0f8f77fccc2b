using Lorikeet.Models;
using Lorikeet.Tensors;
using Lorikeet.Tracking;
using Lorikeet.Training.Evaluating;
using Lorikeet.Training.Objectives;
using Lorikeet.Training.Optim;

namespace Lorikeet.Training;

/// <summary>The parts of a run, made by the composition root.</summary>
public sealed record TrainerSetup
{
    /// <summary>The model, with whatever trains attached.</summary>
    public required VisionLanguageModel Model { get; init; }

    /// <summary>What trains.</summary>
    public required Trainable Trainable { get; init; }

    /// <summary>What is minimised.</summary>
    public required IObjective Objective { get; init; }

    /// <summary>The optimizer over <see cref="Trainable"/>.</summary>
    public required AdamW Optimizer { get; init; }

    /// <summary>Step inputs.</summary>
    public required ITrainingData Data { get; init; }

    /// <summary>Learning rate of a 0-based step.</summary>
    public required Func<int, double> LearningRate { get; init; }

    /// <summary>Where tensors live.</summary>
    public required Parameters Parameters { get; init; }

    /// <summary>Hears of every event.</summary>
    public required IRunListener Listener { get; init; }

    /// <summary>The clock.</summary>
    public TimeProvider Clock { get; init; } = TimeProvider.System;

    /// <summary>Loss and replies on held-out data, or null.</summary>
    public IEvaluation? Evaluation { get; init; }

    /// <summary>Writes a checkpoint of a state and returns its directory; null where none are wanted.</summary>
    public Func<RunState, string>? Save { get; init; }

    /// <summary>Numbers.</summary>
    public required TrainerOptions Options { get; init; }
}

/// <summary>The numbers of a training loop.</summary>
public sealed record TrainerOptions
{
    /// <summary>Steps of the whole run.</summary>
    public required int TotalSteps { get; init; }

    /// <summary>Steps per epoch, for reports.</summary>
    public required int StepsPerEpoch { get; init; }

    /// <summary>Arithmetic of matrix products.</summary>
    public Compute Compute { get; init; }

    /// <summary>Whether dropout is active.</summary>
    public bool Dropout { get; init; } = true;

    /// <summary>Whether each micro-batch is averaged by itself (older frameworks) instead of the whole step.</summary>
    public bool MicroBatchMean { get; init; }

    /// <summary>Whether the step with this number of steps done is reported.</summary>
    public Func<int, bool> LogAt { get; init; } = _ => true;

    /// <summary>Whether to evaluate after this number of steps.</summary>
    public Func<int, bool> EvaluateAt { get; init; } = _ => false;

    /// <summary>Whether to evaluate before the first step of a run.</summary>
    public bool EvaluateOnStart { get; init; }

    /// <summary>By what the best model is chosen, and when the run ends early.</summary>
    public BestModelOptions Best { get; init; } = new();

    /// <summary>Whether to save after this number of steps.</summary>
    public Func<int, bool> SaveAt { get; init; } = _ => false;

    /// <summary>Where the run starts: the number of steps done before.</summary>
    public RunState Start { get; init; } = new(0, 0, 0, "", "", null, null);

    /// <summary>Rows consumed after a number of steps.</summary>
    public Func<int, long> ConsumedAfter { get; init; } = _ => 0;
}

/// <summary>What became of a run.</summary>
/// <param name="Steps">Steps done, earlier ones included.</param>
/// <param name="Interrupted">Whether it was asked to stop early.</param>
/// <param name="FinalLoss">Mean loss of the last tenth of the steps; NaN if none ran.</param>
/// <param name="Tokens">Tokens processed in this process.</param>
/// <param name="Seconds">Time spent in steps.</param>
/// <param name="BestMetric">Best value of what the best model is chosen by, or null.</param>
/// <param name="BestStep">Its step, or null.</param>
/// <param name="StoppedEarly">Whether it ended because evaluations got no better.</param>
public sealed record TrainResult(int Steps, bool Interrupted, double FinalLoss, long Tokens, double Seconds, double? BestMetric, int? BestStep, bool StoppedEarly);
