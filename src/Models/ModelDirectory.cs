using System.Text;
using System.Text.Json;
using Lorikeet.Nn.Weights;

namespace Lorikeet.Models;

/// <summary>
/// A Hugging Face model directory. Opening reads <c>config.json</c>; the other files are read when asked for, and what is missing is an
/// error that names it and says where it was looked for.
/// </summary>
public sealed class ModelDirectory
{
    private const int MaxTemplateBytes = 4 << 20;

    private static readonly string[] OtherTokenizers = ["tokenizer.model", "vocab.json", "spiece.model", "tekken.json", "vocab.txt"];

    private readonly Lazy<ConfigSection?> _tokenizerConfig;
    private readonly Lazy<ConfigSection?> _processorConfig;
    private readonly Lazy<GenerationDefaults> _generation;
    private readonly Lazy<IReadOnlyDictionary<string, string>> _chatTemplates;
    private readonly Lazy<IReadOnlyDictionary<string, string>> _specialTokens;

    private ModelDirectory(string path)
    {
        Path = path;
        Config = ConfigSection.Load(At("config.json"));
        _tokenizerConfig = new(() => Optional("tokenizer_config.json"));
        _processorConfig = new(() => Optional("processor_config.json"));
        _generation = new(() => GenerationDefaults.From(Optional("generation_config.json"), Config));
        _chatTemplates = new(ReadChatTemplates);
        _specialTokens = new(ReadSpecialTokens);
    }

    /// <summary>The directory as given.</summary>
    public string Path { get; }

    /// <summary>The repository of the hub that the directory is a copy of; null if it is none.</summary>
    public ModelOrigin? Origin => ModelOrigin.Of(Path);

    /// <summary><c>config.json</c>.</summary>
    public ConfigSection Config { get; }

    /// <summary><c>model_type</c> of <c>config.json</c>.</summary>
    public string ModelType => Config.String("model_type");

    /// <summary>Entries of <c>architectures</c>; may be empty.</summary>
    public IReadOnlyList<string> Architectures => Config.TryStrings("architectures") ?? [];

    /// <summary>Token ids and sampling settings of the model's authors.</summary>
    public GenerationDefaults Generation => _generation.Value;

    /// <summary>Path of <c>tokenizer.json</c>.</summary>
    /// <exception cref="InvalidDataException">The directory has none.</exception>
    public string TokenizerPath => File.Exists(At("tokenizer.json"))
        ? At("tokenizer.json")
        : throw MissingFile("tokenizer.json", OtherTokenizer() is { } other
            ? $"It has '{other}', which is not read here; save the tokenizer with transformers' fast tokenizer once, which writes tokenizer.json."
            : "Fetch it from the model's page.");

    /// <summary><c>tokenizer_config.json</c>, or null when the directory has none.</summary>
    public ConfigSection? TokenizerConfig => _tokenizerConfig.Value;

    /// <summary><c>processor_config.json</c>, or null when the directory has none.</summary>
    public ConfigSection? ProcessorConfig => _processorConfig.Value;

    /// <summary>
    /// Settings of the image processor: <c>image_processor</c> in <c>processor_config.json</c> (as transformers 5 saves it), otherwise
    /// <c>preprocessor_config.json</c>.
    /// </summary>
    /// <exception cref="InvalidDataException">The directory has neither.</exception>
    public ConfigSection ImageProcessorConfig =>
        ProcessorConfig?.TrySection("image_processor")
        ?? Optional("preprocessor_config.json")
        ?? throw MissingFile("preprocessor_config.json", "It says how pictures are sized and normalised (in newer directories 'image_processor' in processor_config.json does); fetch it from the model's page.");

    /// <summary>
    /// Settings of the video processor: <c>video_processor</c> in <c>processor_config.json</c> (as transformers 5 saves it), otherwise
    /// <c>video_preprocessor_config.json</c>; null where the directory has neither, so that those of the image processor count.
    /// </summary>
    public ConfigSection? VideoProcessorConfig => ProcessorConfig?.TrySection("video_processor") ?? Optional("video_preprocessor_config.json");

    /// <summary>
    /// Chat templates by name; the usual one is <c>default</c>. Taken from the first of <c>chat_template.jinja</c> (with
    /// <c>additional_chat_templates/NAME.jinja</c>), <c>chat_template.json</c>, <c>processor_config.json</c> and
    /// <c>tokenizer_config.json</c> that has one. Empty when none has.
    /// </summary>
    public IReadOnlyDictionary<string, string> ChatTemplates => _chatTemplates.Value;

    /// <summary>The special tokens by role (<c>bos_token</c>, <c>eos_token</c>, <c>image_token</c>, ...), as chat templates see them.</summary>
    public IReadOnlyDictionary<string, string> SpecialTokens => _specialTokens.Value;

    /// <summary>Opens a directory and reads its <c>config.json</c>.</summary>
    /// <exception cref="InvalidDataException">No such directory, or no model in it.</exception>
    public static ModelDirectory Open(string path)
    {
        if (!Directory.Exists(path))
        {
            string found = File.Exists(path) ? "it is a file" : "it does not exist";
            throw new InvalidDataException($"{path}: expected a model directory, but {found}. Check the path (model.path), or name a model of the hub as ORG/NAME.");
        }

        if (!File.Exists(System.IO.Path.Combine(path, "config.json")))
        {
            string hint = File.Exists(System.IO.Path.Combine(path, "adapter_config.json"))
                ? "It has an adapter_config.json: this is an adapter; give the directory of its base model."
                : "Give the directory of a Hugging Face model.";
            throw new InvalidDataException($"{path}: config.json is missing. {hint}");
        }

        return new ModelDirectory(path);
    }

    /// <summary>The chat template of a name.</summary>
    /// <exception cref="InvalidDataException">The directory has no such template.</exception>
    public string ChatTemplate(string name = "default")
    {
        if (ChatTemplates.TryGetValue(name, out string? template))
        {
            return template;
        }

        throw ChatTemplates.Count == 0
            ? MissingFile("chat_template.jinja", "No template stands in chat_template.json, processor_config.json or tokenizer_config.json either. Models without one are base models; use the instruction-tuned variant or add a template.")
            : new InvalidDataException($"{Path}: chat template '{name}' is missing; expected one of {string.Join(", ", ChatTemplates.Keys.Order(StringComparer.Ordinal))}.");
    }

    /// <summary>Whether the directory holds its weights: a single file, or an index with at least one of its shards.</summary>
    public bool HasWeights => WeightSet.IsIn(Path);

    /// <summary>Opens the weights, single or sharded.</summary>
    public WeightSet OpenWeights() => WeightSet.Open(Path);

    private string At(string file) => System.IO.Path.Combine(Path, file);

    private ConfigSection? Optional(string file) => File.Exists(At(file)) ? ConfigSection.Load(At(file)) : null;

    private InvalidDataException MissingFile(string file, string hint) => new($"{Path}: {file} is missing. {hint}");

    private string? OtherTokenizer() =>
        OtherTokenizers.FirstOrDefault(file => File.Exists(At(file)));

    private Dictionary<string, string> ReadChatTemplates()
    {
        var templates = new Dictionary<string, string>(StringComparer.Ordinal);
        if (File.Exists(At("chat_template.jinja")))
        {
            templates["default"] = ReadTemplate(At("chat_template.jinja"));
            string additional = At("additional_chat_templates");
            foreach (string file in Directory.Exists(additional) ? Directory.GetFiles(additional, "*.jinja") : [])
            {
                templates[System.IO.Path.GetFileNameWithoutExtension(file)] = ReadTemplate(file);
            }

            return templates;
        }

        foreach (ConfigSection? place in new[] { Optional("chat_template.json"), ProcessorConfig, TokenizerConfig })
        {
            if (place?.Find("chat_template") is { } value)
            {
                AddTemplates(place, value, templates);
                return templates;
            }
        }

        return templates;
    }

    private static void AddTemplates(ConfigSection place, JsonElement value, Dictionary<string, string> templates)
    {
        const string Expected = "a template, an object of named templates, or a list of objects with name and template";
        switch (value.ValueKind)
        {
            case JsonValueKind.String:
                templates["default"] = value.GetString()!;
                return;
            case JsonValueKind.Object:
                ConfigSection named = place.Section("chat_template");
                foreach (JsonProperty entry in value.EnumerateObject())
                {
                    templates[entry.Name] = named.String(entry.Name);
                }

                return;
            case JsonValueKind.Array when value.EnumerateArray().All(item => item.ValueKind == JsonValueKind.Object):
                foreach (JsonElement item in value.EnumerateArray())
                {
                    ConfigSection entry = ConfigSection.From(place.File + " (chat_template)", item);
                    templates[entry.String("name")] = entry.String("template");
                }

                return;
            default:
                throw place.Wrong("chat_template", Expected);
        }
    }

    private static string ReadTemplate(string path)
    {
        var file = new FileInfo(path);
        if (file.Length > MaxTemplateBytes)
        {
            throw new InvalidDataException($"{path}: the chat template has {file.Length} bytes; expected at most {MaxTemplateBytes}.");
        }

        try
        {
            return File.ReadAllText(path, new UTF8Encoding(false, throwOnInvalidBytes: true));
        }
        catch (DecoderFallbackException error)
        {
            throw new InvalidDataException($"{path}: the chat template is not valid UTF-8.", error);
        }
    }

    private Dictionary<string, string> ReadSpecialTokens()
    {
        var tokens = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (ConfigSection? place in new[] { TokenizerConfig, Optional("special_tokens_map.json") })
        {
            foreach (JsonProperty entry in place?.Json.EnumerateObject().Where(p => p.Name.EndsWith("_token", StringComparison.Ordinal)) ?? [])
            {
                // Either the text itself or a saved AddedToken; add_bos_token and its like are booleans.
                JsonElement value = entry.Value;
                if (value.ValueKind == JsonValueKind.Object && value.TryGetProperty("content", out JsonElement content))
                {
                    value = content;
                }

                if (value.ValueKind == JsonValueKind.String)
                {
                    tokens.TryAdd(entry.Name, value.GetString()!);
                }
            }
        }

        return tokens;
    }
}
