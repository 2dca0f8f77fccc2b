using Lorikeet.Models.Backbones;
using Lorikeet.Models.Families;
using Lorikeet.Nn.Weights;
using Lorikeet.Tensors;

namespace Lorikeet.Models;

/// <summary>The only registry of model families: model type of config.json to the family that reads it.</summary>
public static class ModelCatalog
{
    /// <summary>By model type, or by model type and that of the vision tower where one type has several families.</summary>
    private static readonly Dictionary<string, Family> Families = new(StringComparer.Ordinal)
    {
        ["idefics3"] = SmolVlmFamily.Instance,
        ["llama"] = CausalTextFamily.Instance,
        ["llava"] = LlavaFamily.Instance,
        ["llava/pixtral"] = PixtralFamily.Instance,
        [GridLlavaConfig.ModelType] = GridLlavaFamily.Instance,
        ["llava_next"] = LlavaNextFamily.Instance,
        ["molmo"] = MolmoFamily.Instance,
        ["mistral"] = CausalTextFamily.Instance,
        ["phi3"] = CausalTextFamily.Instance,
        ["qwen2"] = CausalTextFamily.Instance,
        ["mllama"] = MllamaFamily.Instance,
        ["qwen"] = QwenVlFamily.Instance,
        ["qwen2_vl"] = Qwen2VlFamily.Instance,
        ["qwen2_5_vl"] = Qwen25VlFamily.Instance,
        ["qwen3"] = CausalTextFamily.Instance,
        ["qwen3_vl"] = Qwen3VlFamily.Instance,
        ["smolvlm"] = SmolVlmFamily.Instance,
    };

    /// <summary>Model types that load; behind a stroke the type of the vision tower, where only that one is meant.</summary>
    public static IReadOnlyCollection<string> ModelTypes => Families.Keys;

    /// <summary>Whether the model of a directory has a family here.</summary>
    public static bool Supports(ModelDirectory directory) => Find(directory) is not null;

    /// <summary>Loads a model with its processor; weights are mapped, not copied, where the device can read files in place.</summary>
    /// <param name="directory">The model's directory.</param>
    /// <param name="parameters">Where tensors live.</param>
    /// <exception cref="InvalidDataException">The architecture is unknown, a file is damaged, a tensor is missing or left over.</exception>
    public static LoadedModel Load(ModelDirectory directory, Parameters parameters)
    {
        Family family = FamilyOf(directory);
        VisionLanguageModel model = Build(family, directory, parameters);
        try
        {
            return new LoadedModel(model, family.Processor(directory), directory);
        }
        catch
        {
            model.Dispose();
            throw;
        }
    }

    /// <summary>Builds a model of a directory's configuration with random weights, for training from scratch.</summary>
    public static LoadedModel Initialize(ModelDirectory directory, Parameters parameters, float deviation, ulong seed)
    {
        Family family = FamilyOf(directory);
        var source = new RandomWeights(parameters, deviation, seed, directory.Config.Bool("tie_word_embeddings", false));
        return new LoadedModel(family.Build(new WeightScope(source), directory.Config, null), family.Processor(directory), directory);
    }

    /// <summary>
    /// Builds a model on a dry device, for planning: with the types and shapes of its files where the directory has weights, else from
    /// its configuration alone.
    /// </summary>
    /// <param name="processor">Of the model's directory.</param>
    /// <param name="parameters">On a dry device.</param>
    /// <param name="stored">Element type of weights that are absent.</param>
    /// <exception cref="InvalidDataException">As <see cref="Load"/>.</exception>
    public static LoadedModel Outline(Processor processor, Parameters parameters, DType stored)
    {
        ModelDirectory directory = processor.Directory;
        Family family = FamilyOf(directory);
        if (!directory.HasWeights)
        {
            var absent = new AbsentWeights(parameters, stored, directory.Config.Bool("tie_word_embeddings", false));
            return new LoadedModel(family.Build(new WeightScope(absent), directory.Config, null), processor, directory);
        }

        return new LoadedModel(Build(family, directory, parameters), processor, directory);
    }

    /// <summary>Loads a CLIP or SigLIP vision tower by itself, from a directory of its own or from that of a whole model.</summary>
    /// <param name="directory">The directory.</param>
    /// <param name="parameters">Where tensors live.</param>
    /// <exception cref="InvalidDataException">It holds no such tower, a file is damaged, a tensor is missing or left over.</exception>
    public static VisionModel LoadVision(ModelDirectory directory, Parameters parameters) => VisionModel.Load(directory, parameters);

    /// <summary>Loads only the processor.</summary>
    public static Processor LoadProcessor(ModelDirectory directory) => FamilyOf(directory).Processor(directory);

    /// <summary>Parameter names to the keys that a written model has.</summary>
    internal static Func<string, string> FileNames(ModelDirectory directory, WeightNames names)
    {
        IReadOnlyList<NameRule> rules = FamilyOf(directory).Renames;
        if (names == WeightNames.Transformers4)
        {
            // Rules stand in the order of age: the first that fits is the name of the first checkpoints.
            return name => rules.FirstOrDefault(r => name.StartsWith(r.Module, StringComparison.Ordinal)) is { } rule ? rule.ToFile(name) : name;
        }

        if (names == WeightNames.Transformers5 || !directory.HasWeights)
        {
            return name => name;
        }

        using WeightSet files = directory.OpenWeights();
        HashSet<string> keys = [.. files.Tensors.Keys];
        return name => NameRule.Find(name, rules, keys.Contains) ?? name;
    }

    private static VisionLanguageModel Build(Family family, ModelDirectory directory, Parameters parameters)
    {
        WeightSet files = directory.OpenWeights();
        try
        {
            var source = new FileWeights(files, parameters, family.Renames);
            VisionLanguageModel model = family.Build(new WeightScope(source), directory.Config, files);
            source.RequireAllUsed(key => family.MayIgnore(key, directory.Config));
            return model;
        }
        catch
        {
            files.Dispose();
            throw;
        }
    }

    private static Family? Find(ModelDirectory directory) =>
        directory.Config.TrySection("vision_config")?.TryString("model_type") is { } tower && Families.TryGetValue($"{directory.ModelType}/{tower}", out Family? family)
            ? family
            : Families.GetValueOrDefault(directory.ModelType);

    private static Family FamilyOf(ModelDirectory directory) => Find(directory) ?? throw new InvalidDataException(
        Path.Combine(directory.Path, "config.json") + (VisionTowerConfig.ModelTypes.ContainsKey(directory.ModelType)
            ? $": '{directory.ModelType}' is a vision tower without a language model: it cannot be trained or asked by itself. Join it with a text model: lorikeet compose --vision {directory.Path} --text DIR --output DIR"
            : $": the architecture '{directory.ModelType}' is not supported; supported are {string.Join(", ", Families.Keys.Order(StringComparer.Ordinal))}"));
}

/// <summary>What a family gives the catalog.</summary>
internal abstract class Family
{
    /// <summary>How older checkpoints spell module paths.</summary>
    public virtual IReadOnlyList<NameRule> Renames => [];

    public abstract VisionLanguageModel Build(WeightScope weights, ConfigSection config, IDisposable? files);

    public abstract Processor Processor(ModelDirectory directory);

    /// <summary>Whether a tensor that no module asked for is harmless.</summary>
    public virtual bool MayIgnore(string key, ConfigSection config) => false;

    /// <summary>Whether a tensor is the head, which may be stored once more where it is tied.</summary>
    protected static bool IsHead(string key) => key.EndsWith("lm_head.weight", StringComparison.Ordinal);
}
