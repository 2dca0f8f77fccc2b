namespace Lorikeet.Training.Config;

/// <summary>
/// A run file: what to train, on what, how. The same tree is the YAML, the command-line overrides (--lora.r 16), the JSON schema and
/// the copy saved beside every checkpoint. Keys are the snake_case of the property names. Defaults are those of PEFT's LoraConfig and
/// transformers' TrainingArguments where they have the key; the one exception is <see cref="TrainSection.LoggingSteps"/>.
/// </summary>
public sealed record RunConfig
{
    /// <summary>The base model.</summary>
    public ModelSection Model { get; init; } = new();

    /// <summary>How the frozen weights are stored.</summary>
    public QuantizationSection Quantization { get; init; } = new();

    /// <summary>The samples.</summary>
    public DataSection Data { get; init; } = new();

    /// <summary>What is trained.</summary>
    public TuningMethod Method { get; init; } = TuningMethod.Lora;

    /// <summary>The adapter, for method lora.</summary>
    public LoraSection Lora { get; init; } = new();

    /// <summary>The parts that are trained, for method freeze.</summary>
    public FreezeSection Freeze { get; init; } = new();

    /// <summary>What the training minimises.</summary>
    public TrainingObjective Objective { get; init; } = TrainingObjective.Sft;

    /// <summary>Settings of objective dpo.</summary>
    public DpoSection Dpo { get; init; } = new();

    /// <summary>The training loop.</summary>
    public TrainSection Train { get; init; } = new();

    /// <summary>Reuse of what frozen parts compute.</summary>
    public CacheSection Cache { get; init; } = new();

    /// <summary>Where the run's events go, besides the terminal.</summary>
    public IReadOnlyList<Reporter> ReportTo { get; init; } = [Reporter.Jsonl];

    /// <summary>Where the run belongs in Weights and Biases.</summary>
    public WandbSection Wandb { get; init; } = new();

    /// <summary>How replies are generated in samples and evaluations.</summary>
    public GenerationSection Generation { get; init; } = new();

    /// <summary>
    /// The arithmetic of the forward and backward pass after <see cref="TrainSection.Bf16"/> has been taken into account: true and
    /// false mean bfloat16 and float32, and <see cref="ModelSection.Compute"/> decides where it is not set.
    /// </summary>
    public ComputeType EffectiveCompute => Train.Bf16 switch
    {
        true => ComputeType.Bfloat16,
        false when Model.Compute == ComputeType.Auto => ComputeType.Float32,
        _ => Model.Compute,
    };

    /// <summary>Everything that is wrong with the values, all at once; empty if the run can start.</summary>
    public IReadOnlyList<ConfigProblem> Validate() => RunConfigChecks.All(this);
}

/// <summary>A key whose value cannot be used, and why.</summary>
/// <param name="Key">The key's full name, such as lora.r.</param>
/// <param name="Message">What is wrong and what to do.</param>
public sealed record ConfigProblem(string Key, string Message)
{
    /// <summary>The key, a colon and the message.</summary>
    public override string ToString() => $"{Key}: {Message}";
}

/// <summary>What is trained.</summary>
public enum TuningMethod
{
    /// <summary>A LoRA adapter on linear layers; the base stays frozen.</summary>
    Lora,

    /// <summary>Every weight.</summary>
    Full,

    /// <summary>Some parts of the model (see <see cref="FreezeSection"/>); the others stay frozen.</summary>
    Freeze,

    /// <summary>Another kind of adapter.</summary>
    Adapter,
}

/// <summary>What the training minimises.</summary>
public enum TrainingObjective
{
    /// <summary>Supervised fine-tuning: cross entropy of the replies.</summary>
    Sft,

    /// <summary>Direct preference optimisation on pairs of replies.</summary>
    Dpo,
}

/// <summary>A place that run events go to.</summary>
public enum Reporter
{
    /// <summary>Nowhere.</summary>
    None,

    /// <summary>A file of JSON lines in the output directory; docs/run-events.md describes them.</summary>
    Jsonl,

    /// <summary>TensorBoard event files in train.logging_dir.</summary>
    Tensorboard,

    /// <summary>An offline run of Weights and Biases in the output directory, for wandb sync to upload.</summary>
    Wandb,

    /// <summary>MLflow.</summary>
    Mlflow,
}
