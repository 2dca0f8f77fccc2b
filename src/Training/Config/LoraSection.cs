using Lorikeet.Training.Config.Binding;

namespace Lorikeet.Training.Config;

/// <summary>The LoRA adapter; the keys of PEFT's LoraConfig, and Unsloth's finetune_* filters.</summary>
public sealed record LoraSection
{
    /// <summary>Rank: the inner width of the two adapter matrices.</summary>
    [Bounds(Min = 1, Max = 65536)]
    public int R { get; init; } = 8;

    /// <summary>Numerator of the scaling: lora_alpha / r, or lora_alpha / sqrt(r) with use_rslora.</summary>
    [Bounds(Above = 0)]
    public double LoraAlpha { get; init; } = 8;

    /// <summary>Probability that an input of the adapter is dropped in training.</summary>
    [Bounds(Min = 0, Below = 1)]
    public double LoraDropout { get; init; }

    /// <summary>
    /// Which linear layers get an adapter. A list matches by suffix, a text is a regular expression for the whole module path,
    /// all-linear is every linear layer but the LM head. Null: the language model's linear layers.
    /// </summary>
    public ModuleNames? TargetModules { get; init; }

    /// <summary>Layers that get none although target_modules names them; same forms.</summary>
    public ModuleNames? ExcludeModules { get; init; }

    /// <summary>Which biases are trained.</summary>
    public BiasTraining Bias { get; init; } = BiasTraining.None;

    /// <summary>Weight-decomposed LoRA: a trained magnitude for every output.</summary>
    public bool UseDora { get; init; }

    /// <summary>Rank-stabilised scaling: lora_alpha / sqrt(r).</summary>
    public bool UseRslora { get; init; }

    /// <summary>How A and B begin.</summary>
    public LoraInitialization InitLoraWeights { get; init; } = LoraInitialization.KaimingUniform;

    /// <summary>Whether layers of the vision tower may get adapters; null leaves it to target_modules.</summary>
    public bool? FinetuneVisionLayers { get; init; }

    /// <summary>Whether layers of the language model may get adapters; null leaves it to target_modules.</summary>
    public bool? FinetuneLanguageLayers { get; init; }

    /// <summary>Whether the connector between the two may get adapters; null leaves it to target_modules.</summary>
    public bool? FinetuneConnector { get; init; }

    /// <summary>Whether attention projections may get adapters; null leaves it to target_modules.</summary>
    public bool? FinetuneAttentionModules { get; init; }

    /// <summary>Whether MLP projections may get adapters; null leaves it to target_modules.</summary>
    public bool? FinetuneMlpModules { get; init; }

    /// <summary>Modules that are trained in full and saved with the adapter, such as lm_head.</summary>
    public IReadOnlyList<string>? ModulesToSave { get; init; }

    /// <summary>Ranks of single modules: a name or regular expression, and the rank.</summary>
    public IReadOnlyDictionary<string, int> RankPattern { get; init; } = new Dictionary<string, int>();

    /// <summary>lora_alpha of single modules: a name or regular expression, and the value.</summary>
    public IReadOnlyDictionary<string, double> AlphaPattern { get; init; } = new Dictionary<string, double>();
}

/// <summary>Which biases are trained.</summary>
public enum BiasTraining
{
    /// <summary>None.</summary>
    None,

    /// <summary>All biases of the model.</summary>
    All,

    /// <summary>The biases of layers that have an adapter.</summary>
    LoraOnly,
}

/// <summary>How the adapter's matrices begin.</summary>
public enum LoraInitialization
{
    /// <summary>A uniform as in torch's linear layers, B zero: PEFT's true.</summary>
    [Key("true")]
    KaimingUniform,

    /// <summary>A normal with standard deviation 1/r, B zero.</summary>
    Gaussian,

    /// <summary>A and B both random: PEFT's false, for tests.</summary>
    [Key("false")]
    Random,

    /// <summary>A and B from the principal directions of the weight.</summary>
    Pissa,

    /// <summary>A and B from a QR decomposition of the weight.</summary>
    Olora,

    /// <summary>A and B that make up for the quantization of the weight.</summary>
    Loftq,
}
