using System.Text.Json.Serialization;

namespace Lorikeet.Tracking;

/// <summary>
/// Something that happened in a run. Events are what a run tells the outside: the terminal, the event file, other trackers. The JSON
/// names and their meaning are in docs/run-events.md.
/// </summary>
[JsonPolymorphic(TypeDiscriminatorPropertyName = "type")]
[JsonDerivedType(typeof(RunStarted), "run_started")]
[JsonDerivedType(typeof(StepTaken), "step")]
[JsonDerivedType(typeof(Evaluated), "evaluation")]
[JsonDerivedType(typeof(SampleGenerated), "sample")]
[JsonDerivedType(typeof(EarlyStopped), "early_stop")]
[JsonDerivedType(typeof(CheckpointSaved), "checkpoint_saved")]
[JsonDerivedType(typeof(Noted), "note")]
[JsonDerivedType(typeof(RunFinished), "run_finished")]
[JsonDerivedType(typeof(RunFailed), "run_failed")]
public abstract record RunEvent
{
    /// <summary>When it happened, in UTC; set by whoever writes the event down.</summary>
    [JsonPropertyOrder(-2)]
    public DateTimeOffset Time { get; init; }

    /// <summary>Seconds since this process began the run, setting up included.</summary>
    [JsonPropertyOrder(-1)]
    public double ElapsedS { get; init; }
}

/// <summary>The run is set up and takes its first step next.</summary>
public sealed record RunStarted : RunEvent
{
    /// <summary>The version of Lorikeet.</summary>
    public string Lorikeet { get; init; } = "";

    /// <summary>The base model's directory.</summary>
    public string Model { get; init; } = "";

    /// <summary>The model family.</summary>
    public string Family { get; init; } = "";

    /// <summary>The run's name for people.</summary>
    public string Name { get; init; } = "";

    /// <summary>What is trained: lora, full or freeze.</summary>
    public string Method { get; init; } = "";

    /// <summary>What is minimised: sft, dpo.</summary>
    public string Objective { get; init; } = "";

    /// <summary>The arithmetic: float32 or bfloat16.</summary>
    public string Compute { get; init; } = "";

    /// <summary>The device and the instruction set in use.</summary>
    public string Device { get; init; } = "";

    /// <summary>Where the run writes to.</summary>
    public string OutputDir { get; init; } = "";

    /// <summary>Optimizer steps of the whole run.</summary>
    public long Steps { get; init; }

    /// <summary>The step that the run goes on from; 0 for a fresh one. Later step events of an earlier process no longer count.</summary>
    public long ResumedFromStep { get; init; }

    /// <summary>Epochs of the whole run.</summary>
    public double Epochs { get; init; }

    /// <summary>Training samples in an epoch.</summary>
    public long Samples { get; init; }

    /// <summary>Samples in an optimizer step.</summary>
    public long BatchSize { get; init; }

    /// <summary>Parameters that are trained.</summary>
    public long TrainableParameters { get; init; }

    /// <summary>All parameters, those of the adapter included.</summary>
    public long TotalParameters { get; init; }

    /// <summary>The seed.</summary>
    public long Seed { get; init; }
}

/// <summary>An optimizer step was taken.</summary>
public sealed record StepTaken : RunEvent
{
    /// <summary>Number of the step, from 1.</summary>
    public long Step { get; init; }

    /// <summary>Optimizer steps of the whole run.</summary>
    public long Steps { get; init; }

    /// <summary>Epochs gone through, with fraction.</summary>
    public double Epoch { get; init; }

    /// <summary>Loss of the step before the update: per supervised token for sft.</summary>
    public double Loss { get; init; }

    /// <summary>Learning rate that the step was taken with.</summary>
    public double LearningRate { get; init; }

    /// <summary>Norm of the gradient over all trained parameters, before clipping.</summary>
    public double GradNorm { get; init; }

    /// <summary>Tokens of the step, image tokens included, padding not.</summary>
    public long Tokens { get; init; }

    /// <summary>Tokens of the step that count in the loss.</summary>
    public long SupervisedTokens { get; init; }

    /// <summary>Pictures of the step.</summary>
    public long Images { get; init; }

    /// <summary>Seconds that the step took, waiting for data included.</summary>
    public double Seconds { get; init; }

    /// <summary>Tokens per second of the step.</summary>
    public double TokensPerS { get; init; }

    /// <summary>Memory in use after the step.</summary>
    public MemoryUse Memory { get; init; } = new();

    /// <summary>Further values of the objective, by name.</summary>
    public IReadOnlyDictionary<string, double>? Metrics { get; init; }
}

/// <summary>The evaluation samples were gone through.</summary>
public sealed record Evaluated : RunEvent
{
    /// <summary>The optimizer step after which it was done; 0 before training.</summary>
    public long Step { get; init; }

    /// <summary>Epochs gone through, with fraction.</summary>
    public double Epoch { get; init; }

    /// <summary>Mean loss: per supervised token for sft.</summary>
    public double Loss { get; init; }

    /// <summary>Samples evaluated.</summary>
    public long Samples { get; init; }

    /// <summary>Seconds that it took.</summary>
    public double Seconds { get; init; }

    /// <summary>True if it is the best of the run so far by metric_for_best_model: the loss, unless the run file says otherwise.</summary>
    public bool IsBest { get; init; }

    /// <summary>Further values, by name.</summary>
    public IReadOnlyDictionary<string, double>? Metrics { get; init; }
}

/// <summary>The model replied to a sample of the evaluation data; the events of an evaluation's samples come before its own.</summary>
public sealed record SampleGenerated : RunEvent
{
    /// <summary>The optimizer step after which it was done; 0 before training.</summary>
    public long Step { get; init; }

    /// <summary>Number of the sample, from 1; the same sample has the same number at every evaluation.</summary>
    public long Index { get; init; }

    /// <summary>Where the sample stands: file:line.</summary>
    public string Origin { get; init; } = "";

    /// <summary>Names of its pictures; null if it has none.</summary>
    public IReadOnlyList<string>? Images { get; init; }

    /// <summary>What was asked: the last message before the reply.</summary>
    public string Prompt { get; init; } = "";

    /// <summary>The answer in the data.</summary>
    public string Reference { get; init; } = "";

    /// <summary>The model's answer.</summary>
    public string Reply { get; init; } = "";

    /// <summary>Tokens of the model's answer.</summary>
    public long Tokens { get; init; }

    /// <summary>True if the answer was cut off at max_new_tokens.</summary>
    public bool IsCut { get; init; }
}

/// <summary>The run ends before its last step, because evaluations no longer get better.</summary>
public sealed record EarlyStopped : RunEvent
{
    /// <summary>The last step.</summary>
    public long Step { get; init; }

    /// <summary>Evaluations in a row without an improvement.</summary>
    public long Evaluations { get; init; }

    /// <summary>What was compared: metric_for_best_model.</summary>
    public string Metric { get; init; } = "";

    /// <summary>Its best value.</summary>
    public double? BestMetric { get; init; }

    /// <summary>The step that has it.</summary>
    public long? BestStep { get; init; }
}

/// <summary>A checkpoint is complete on disk.</summary>
public sealed record CheckpointSaved : RunEvent
{
    /// <summary>The optimizer step that it holds.</summary>
    public long Step { get; init; }

    /// <summary>Its directory.</summary>
    public string Path { get; init; } = "";

    /// <summary>Bytes on disk.</summary>
    public long Bytes { get; init; }
}

/// <summary>Something the user should know that is no error.</summary>
public sealed record Noted : RunEvent
{
    /// <summary>What it is, in one line.</summary>
    public string Message { get; init; } = "";
}

/// <summary>The run ended as it should, or was interrupted and saved.</summary>
public sealed record RunFinished : RunEvent
{
    /// <summary>Optimizer steps taken over the whole run.</summary>
    public long Steps { get; init; }

    /// <summary>True if it was interrupted: there is a checkpoint to go on from.</summary>
    public bool Interrupted { get; init; }

    /// <summary>Tokens of all steps of this process.</summary>
    public long Tokens { get; init; }

    /// <summary>Tokens per second over this process's steps.</summary>
    public double TokensPerS { get; init; }

    /// <summary>Mean loss of the last tenth of the steps, or the last step's for short runs.</summary>
    public double FinalLoss { get; init; }

    /// <summary>Lowest evaluation loss; null if the best model is chosen by another figure.</summary>
    public double? BestEvalLoss { get; init; }

    /// <summary>What the best model is chosen by: metric_for_best_model; null without evaluations.</summary>
    public string? BestMetricName { get; init; }

    /// <summary>Its best value.</summary>
    public double? BestMetric { get; init; }

    /// <summary>The step that has it.</summary>
    public long? BestStep { get; init; }

    /// <summary>True if it ended early because evaluations no longer got better.</summary>
    public bool StoppedEarly { get; init; }

    /// <summary>Memory at the run's peak.</summary>
    public MemoryUse PeakMemory { get; init; } = new();

    /// <summary>Where the adapter or the model was saved.</summary>
    public string? Saved { get; init; }
}

/// <summary>The run ended with an error.</summary>
public sealed record RunFailed : RunEvent
{
    /// <summary>The last complete optimizer step.</summary>
    public long Step { get; init; }

    /// <summary>The message.</summary>
    public string Error { get; init; } = "";

    /// <summary>The exit code of the process.</summary>
    public int ExitCode { get; init; }
}

/// <summary>
/// What a run is busy with between two steps: loading, an evaluation, a long step's micro-batches. For live display; never written to
/// the event file.
/// </summary>
public sealed record Progressed : RunEvent
{
    /// <summary>What is being done, such as "evaluating".</summary>
    public string Activity { get; init; } = "";

    /// <summary>How much of it is done.</summary>
    public long Done { get; init; }

    /// <summary>How much there is; 0 if unknown.</summary>
    public long Total { get; init; }
}

/// <summary>Memory in bytes, by what it holds.</summary>
public sealed record MemoryUse
{
    /// <summary>Weights, frozen and trained.</summary>
    public long Weights { get; init; }

    /// <summary>Gradients of trained weights.</summary>
    public long Gradients { get; init; }

    /// <summary>State of the optimizer.</summary>
    public long Optimizer { get; init; }

    /// <summary>What the backward pass needs from the forward pass.</summary>
    public long Activations { get; init; }

    /// <summary>Scratch space of kernels.</summary>
    public long Workspace { get; init; }

    /// <summary>What the process occupies in main memory, as the operating system counts.</summary>
    public long Resident { get; init; }

    /// <summary>The most that the process has occupied so far.</summary>
    public long PeakResident { get; init; }
}
