using System.Globalization;

namespace Lorikeet.Adapters;

/// <summary>How LoRA factors start.</summary>
public enum LoraInit
{
    /// <summary>A uniform as PEFT's default (Kaiming with a = sqrt 5: bound 1 / sqrt(In)), B zero.</summary>
    Default,

    /// <summary>A normal with deviation 1 / R, B zero.</summary>
    Gaussian,

    /// <summary>Both random: not an identity at the start (PEFT's <c>false</c>, for tests).</summary>
    Random,
}

/// <summary>Which biases train beside the factors.</summary>
public enum LoraBias
{
    /// <summary>None.</summary>
    None,

    /// <summary>Those of every layer of the model.</summary>
    All,

    /// <summary>Those of the adapted layers.</summary>
    LoraOnly,
}

/// <summary>Settings of a LoRA adapter, named and defaulted as PEFT's <c>LoraConfig</c>.</summary>
/// <remarks>Source: PEFT 0.20 <c>LoraConfig</c>; Hu et al. 2021; Kalajdzievski 2023 (rank-stabilised scaling).</remarks>
public sealed record LoraConfig
{
    /// <summary>Largest rank that is accepted.</summary>
    public const int MaxRank = 65536;

    /// <summary>Rank R of the factors.</summary>
    public int R { get; init; } = 8;

    /// <summary>Numerator of the update's scale.</summary>
    public double LoraAlpha { get; init; } = 8;

    /// <summary>Probability of dropping an input element of the update in training.</summary>
    public double LoraDropout { get; init; }

    /// <summary>Which linear layers are adapted.</summary>
    public required ModuleMatch TargetModules { get; init; }

    /// <summary>Which of them are left alone.</summary>
    public ModuleMatch? ExcludeModules { get; init; }

    /// <summary>Which biases train.</summary>
    public LoraBias Bias { get; init; }

    /// <summary>Whether the scale is alpha / sqrt(R) instead of alpha / R.</summary>
    public bool UseRslora { get; init; }

    /// <summary>How the factors start.</summary>
    public LoraInit InitLoraWeights { get; init; }

    /// <summary>Modules that are trained whole and saved with the adapter.</summary>
    public IReadOnlyList<string> ModulesToSave { get; init; } = [];

    /// <summary>Ranks of layers whose path ends in a match of the key (a regular expression).</summary>
    public IReadOnlyDictionary<string, int> RankPattern { get; init; } = new Dictionary<string, int>();

    /// <summary>Alphas likewise.</summary>
    public IReadOnlyDictionary<string, double> AlphaPattern { get; init; } = new Dictionary<string, double>();

    /// <summary>Indices of the only layers to adapt, or null for all. For name lists.</summary>
    public IReadOnlyList<int>? LayersToTransform { get; init; }

    /// <summary>Names of the module lists that hold layers; empty: any.</summary>
    public IReadOnlyList<string> LayersPattern { get; init; } = [];

    /// <summary>What PEFT calls the task; only noted.</summary>
    public string? TaskType { get; init; } = "CAUSAL_LM";

    /// <summary>Path or hub id of the base, as written to the adapter.</summary>
    public string BaseModelNameOrPath { get; init; } = "";

    /// <summary>The base's revision, where it is a repository of the hub: a branch, tag or commit. Null if none is named.</summary>
    public string? Revision { get; init; }

    /// <summary>Rank of a layer.</summary>
    public int RankOf(string path) => PatternMatch.Find(RankPattern, path, R);

    /// <summary>Scale of a layer's update.</summary>
    public float ScaleOf(string path)
    {
        int rank = RankOf(path);
        double alpha = PatternMatch.Find(AlphaPattern, path, LoraAlpha);
        return (float)(alpha / (UseRslora ? Math.Sqrt(rank) : rank));
    }

    /// <summary>Throws unless all settings are usable.</summary>
    /// <exception cref="InvalidDataException">The message names the key, its value and what it must be.</exception>
    public void Validate(string source)
    {
        foreach ((string key, double value) in RankPattern.Select(p => ($"rank_pattern.{p.Key}", (double)p.Value)).Prepend(("r", R)))
        {
            if (value < 1)
            {
                throw new InvalidDataException(string.Create(CultureInfo.InvariantCulture, $"{source}: '{key}' must be at least 1, found {value}"));
            }
        }

        foreach (string pattern in RankPattern.Keys.Concat(AlphaPattern.Keys).Concat(LayersPattern))
        {
            PatternMatch.Require(pattern, source);
        }

        if (LoraDropout is < 0 or >= 1)
        {
            throw new InvalidDataException(string.Create(CultureInfo.InvariantCulture, $"{source}: 'lora_dropout' must be at least 0 and below 1, found {LoraDropout}"));
        }
    }
}
