using Lorikeet.Training.Config.Binding;

namespace Lorikeet.Training.Config;

/// <summary>The training loop; the keys of transformers' TrainingArguments.</summary>
public sealed record TrainSection
{
    /// <summary>Where checkpoints, the adapter and the events go. Null: runs/NAME beside the run file NAME.yaml.</summary>
    [FilePath]
    public string? OutputDir { get; init; }

    /// <summary>The run's name for trackers and people. Null: the name of the output directory.</summary>
    public string? RunName { get; init; }

    /// <summary>Where TensorBoard's event files go. Null: a directory of the run's own in output_dir/runs.</summary>
    [FilePath]
    public string? LoggingDir { get; init; }

    /// <summary>How often the data is gone through; fractions are allowed.</summary>
    [Bounds(Above = 0)]
    public double NumTrainEpochs { get; init; } = 3;

    /// <summary>Number of optimizer steps; overrides num_train_epochs unless it is -1.</summary>
    [Bounds(Min = -1)]
    public int MaxSteps { get; init; } = -1;

    /// <summary>Samples in one forward and backward pass.</summary>
    [Bounds(Min = 1)]
    public int PerDeviceTrainBatchSize { get; init; } = 8;

    /// <summary>Samples in one forward pass of an evaluation.</summary>
    [Bounds(Min = 1)]
    public int PerDeviceEvalBatchSize { get; init; } = 8;

    /// <summary>Forward and backward passes per optimizer step.</summary>
    [Bounds(Min = 1)]
    public int GradientAccumulationSteps { get; init; } = 1;

    /// <summary>Peak learning rate, reached after the warm-up.</summary>
    [Bounds(Min = 0)]
    public double LearningRate { get; init; } = 5e-5;

    /// <summary>How the learning rate moves.</summary>
    public LearningRateSchedule LrSchedulerType { get; init; } = LearningRateSchedule.Linear;

    /// <summary>Further settings of the schedule.</summary>
    public ScheduleSettings LrSchedulerKwargs { get; init; } = new();

    /// <summary>Optimizer steps of the linear warm-up; takes precedence over warmup_ratio.</summary>
    [Bounds(Min = 0)]
    public int WarmupSteps { get; init; }

    /// <summary>Share of all optimizer steps that are warm-up.</summary>
    [Bounds(Min = 0, Max = 1)]
    public double WarmupRatio { get; init; }

    /// <summary>Decoupled weight decay of AdamW; biases and norm weights are exempt.</summary>
    [Bounds(Min = 0)]
    public double WeightDecay { get; init; }

    /// <summary>Decay rate of the first moment.</summary>
    [Bounds(Min = 0, Below = 1)]
    public double AdamBeta1 { get; init; } = 0.9;

    /// <summary>Decay rate of the second moment.</summary>
    [Bounds(Min = 0, Below = 1)]
    public double AdamBeta2 { get; init; } = 0.999;

    /// <summary>Added to the root of the second moment.</summary>
    [Bounds(Above = 0)]
    public double AdamEpsilon { get; init; } = 1e-8;

    /// <summary>Largest norm of the gradient over all parameters; larger ones are scaled down. 0: no clipping.</summary>
    [Bounds(Min = 0)]
    public double MaxGradNorm { get; init; } = 1;

    /// <summary>The optimizer.</summary>
    public OptimizerKind Optim { get; init; } = OptimizerKind.AdamwTorch;

    /// <summary>True: compute in bfloat16; false: in float32; null: as model.compute says.</summary>
    public bool? Bf16 { get; init; }

    /// <summary>True: compute in float16.</summary>
    public bool? Fp16 { get; init; }

    /// <summary>Keep only block inputs for the backward pass and compute the rest again: less memory, a third more work.</summary>
    public bool GradientCheckpointing { get; init; }

    /// <summary>What a step's loss is divided by.</summary>
    public LossNormalization LossNormalization { get; init; } = LossNormalization.Step;

    /// <summary>Optimizer steps between two step events. TrainingArguments has 500; here every step is told.</summary>
    [Bounds(Min = 1)]
    public int LoggingSteps { get; init; } = 1;

    /// <summary>When the evaluation loss is taken.</summary>
    public Strategy EvalStrategy { get; init; } = Strategy.No;

    /// <summary>Optimizer steps between two evaluations.</summary>
    [Bounds(Min = 1)]
    public int EvalSteps { get; init; } = 500;

    /// <summary>Epochs (or steps, with eval_strategy steps) that pass before the first evaluation.</summary>
    [Bounds(Min = 0)]
    public double EvalDelay { get; init; }

    /// <summary>Evaluate once before the first step, too; the best model is chosen among the later ones.</summary>
    public bool EvalOnStart { get; init; }

    /// <summary>How many samples of data.eval the model answers at each evaluation, as section generation says; 0: none.</summary>
    [Bounds(Min = 0, Max = 1000)]
    public int EvalGenerations { get; init; } = 3;

    /// <summary>When checkpoints are saved; best: at every evaluation that is the best so far.</summary>
    public SaveStrategy SaveStrategy { get; init; } = SaveStrategy.Steps;

    /// <summary>Optimizer steps between two checkpoints.</summary>
    [Bounds(Min = 1)]
    public int SaveSteps { get; init; } = 500;

    /// <summary>How many checkpoints are kept, the best included, which never goes; 1 may leave two: the last and the best. Null: all.</summary>
    [Bounds(Min = 1)]
    public int? SaveTotalLimit { get; init; }

    /// <summary>Close with the best checkpoint instead of the last state; every new best state is saved for it.</summary>
    public bool LoadBestModelAtEnd { get; init; }

    /// <summary>By what the best model is chosen: loss, or a metric of the answered samples (eval_generations) such as exact_match. Null: loss.</summary>
    public string? MetricForBestModel { get; init; }

    /// <summary>Whether larger values of metric_for_best_model are better. Null: unless its name ends in loss.</summary>
    public bool? GreaterIsBetter { get; init; }

    /// <summary>End the run after so many evaluations in a row without an improvement. Null: never.</summary>
    [Bounds(Min = 1)]
    public int? EarlyStoppingPatience { get; init; }

    /// <summary>How much better than the best one an evaluation must be to count as an improvement.</summary>
    [Bounds(Min = 0)]
    public double EarlyStoppingThreshold { get; init; }

    /// <summary>Seed of the data order, of dropout and of new weights.</summary>
    [Bounds(Min = 0)]
    public long Seed { get; init; } = 42;
}

/// <summary>Further settings of a schedule, each for the schedules that have it; null takes that schedule's default.</summary>
public sealed record ScheduleSettings
{
    /// <summary>Waves of cosine (default 0.5) or restarts of cosine_with_restarts (default 1).</summary>
    [Bounds(Above = 0)]
    public double? NumCycles { get; init; }

    /// <summary>Exponent of polynomial (default 1).</summary>
    [Bounds(Above = 0)]
    public double? Power { get; init; }

    /// <summary>Final learning rate of polynomial (default 1e-7).</summary>
    [Bounds(Min = 0)]
    public double? LrEnd { get; init; }

    /// <summary>Final learning rate of cosine_with_min_lr.</summary>
    [Bounds(Min = 0)]
    public double? MinLr { get; init; }

    /// <summary>Final learning rate of cosine_with_min_lr as a share of the peak.</summary>
    [Bounds(Min = 0, Max = 1)]
    public double? MinLrRate { get; init; }

    /// <summary>Steps that inverse_sqrt is stretched over (default: the warm-up steps, or 10000 without warm-up).</summary>
    [Bounds(Min = 1)]
    public int? Timescale { get; init; }

    /// <summary>Steps of the decay of warmup_stable_decay. Required there.</summary>
    [Bounds(Min = 0)]
    public int? NumDecaySteps { get; init; }

    /// <summary>Steps of the stable part of warmup_stable_decay (default: what warm-up and decay leave).</summary>
    [Bounds(Min = 0)]
    public int? NumStableSteps { get; init; }

    /// <summary>Lowest share of the peak in warmup_stable_decay (default 0).</summary>
    [Bounds(Min = 0, Max = 1)]
    public double? MinLrRatio { get; init; }
}

/// <summary>How the learning rate moves; every one but constant begins with the warm-up.</summary>
public enum LearningRateSchedule
{
    /// <summary>Down to zero in a straight line.</summary>
    Linear,

    /// <summary>Down to zero along a cosine.</summary>
    Cosine,

    /// <summary>Several cosines, each from the peak.</summary>
    CosineWithRestarts,

    /// <summary>Down to lr_end along a power.</summary>
    Polynomial,

    /// <summary>The same at every step, without warm-up.</summary>
    Constant,

    /// <summary>The same at every step after the warm-up.</summary>
    ConstantWithWarmup,

    /// <summary>Proportional to one over the root of the step.</summary>
    InverseSqrt,

    /// <summary>A cosine down to min_lr.</summary>
    CosineWithMinLr,

    /// <summary>Flat, then down along a cosine.</summary>
    WarmupStableDecay,
}

/// <summary>The optimizer.</summary>
public enum OptimizerKind
{
    /// <summary>AdamW with state in float32.</summary>
    AdamwTorch,

    /// <summary>AdamW with state in eight bits.</summary>
    [Key("adamw_8bit")]
    Adamw8Bit,
}

/// <summary>What a step's loss is divided by.</summary>
public enum LossNormalization
{
    /// <summary>The supervised tokens of the whole accumulated step.</summary>
    Step,

    /// <summary>Each micro-batch by its own tokens, then the mean: what older frameworks do.</summary>
    MicrobatchMean,
}

/// <summary>When checkpoints are saved.</summary>
public enum SaveStrategy
{
    /// <summary>Never.</summary>
    No,

    /// <summary>Every so many optimizer steps.</summary>
    Steps,

    /// <summary>At the end of each epoch.</summary>
    Epoch,

    /// <summary>At every evaluation that is the best so far.</summary>
    Best,
}

/// <summary>When something recurring happens.</summary>
public enum Strategy
{
    /// <summary>Never.</summary>
    No,

    /// <summary>Every so many optimizer steps.</summary>
    Steps,

    /// <summary>At the end of each epoch.</summary>
    Epoch,
}
