using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using Lorikeet.Nn.Weights;
using Lorikeet.Tensors;
using Lorikeet.Text.Chat;
using Lorikeet.Text.Tokenizers;

namespace Lorikeet.Models;

/// <summary>What to join, and how.</summary>
public sealed record ComposeOptions
{
    /// <summary>Directory of a CLIP or SigLIP model, or of its vision tower alone.</summary>
    public required string Vision { get; init; }

    /// <summary>Directory of a text model.</summary>
    public required string Text { get; init; }

    /// <summary>The token that stands for a picture; added to the tokenizer where it has none.</summary>
    public string ImageToken { get; init; } = "<image>";

    /// <summary>The layer of the tower whose hidden states become features, counted from the end where negative.</summary>
    public int FeatureLayer { get; init; } = -2;

    /// <summary>Whether the first row of a picture's hidden states is dropped; null: where the tower has a class token.</summary>
    public bool? DropsClassToken { get; init; }

    /// <summary>A chat template instead of the text model's own; null for its own.</summary>
    public string? Template { get; init; }

    /// <summary>Standard deviation of the connector's new matrices.</summary>
    public float Deviation { get; init; } = 0.02f;

    /// <summary>Seed of the connector's new matrices.</summary>
    public ulong Seed { get; init; } = 42;
}

/// <summary>What was joined.</summary>
/// <param name="ImageTokenId">Id of the token that stands for a picture.</param>
/// <param name="AddedRows">Rows added to the embeddings (and the head), or 0.</param>
/// <param name="TokensPerPicture">Image tokens of a picture.</param>
/// <param name="ConnectorValues">Values of the new connector.</param>
public sealed record ComposeReport(int ImageTokenId, int AddedRows, int TokensPerPicture, long ConnectorValues);

/// <summary>
/// Joins a vision tower, a new connector of two layers and a text model into one LLaVA directory, which transformers loads as well. The
/// towers' weights are copied bit by bit; only the connector, and rows for a new token, are made.
/// </summary>
public static class ModelComposer
{
    private const int RowMultiple = 64;

    private static readonly JsonSerializerOptions Plain = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };
    private static readonly JsonSerializerOptions Readable = new(Plain) { WriteIndented = true };
    private static readonly string[] TextFiles = ["tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json", "generation_config.json", "vocab.json", "merges.txt"];

    /// <summary>Writes the joined model; the directory appears whole or not at all, after the model in it has been loaded once.</summary>
    /// <param name="options">What to join.</param>
    /// <param name="target">A directory that doesn't exist or is empty.</param>
    /// <param name="parameters">Where the model is loaded to check it.</param>
    /// <exception cref="InvalidDataException">A part is unusable, the parts don't fit, or the target is used.</exception>
    public static ComposeReport Run(ComposeOptions options, string target, Parameters parameters)
    {
        ArgumentNullException.ThrowIfNull(options);
        if (Directory.Exists(target) && Directory.EnumerateFileSystemEntries(target).Any())
        {
            throw new InvalidDataException($"{target}: is not empty; name a directory that doesn't exist yet");
        }

        var vision = new TowerPart(ModelDirectory.Open(options.Vision));
        var text = new LanguagePart(ModelDirectory.Open(options.Text), options.ImageToken);
        bool drops = options.DropsClassToken ?? vision.HasClassToken;
        using AtomicDirectory directory = AtomicDirectory.Create(target);
        string staging = directory.StagingPath;
        Directory.CreateDirectory(staging);
        foreach (string file in TextFiles.Where(f => File.Exists(Path.Combine(text.Directory.Path, f))))
        {
            File.Copy(Path.Combine(text.Directory.Path, file), Path.Combine(staging, file));
        }

        text.WriteTokenizer(staging, options.ImageToken);
        File.WriteAllText(Path.Combine(staging, "chat_template.jinja"), options.Template ?? WithPictures(text.Directory, options.ImageToken));
        WriteJson(staging, "config.json", Config(options, vision, text, drops));
        WriteJson(staging, "preprocessor_config.json", vision.Pictures());
        WriteJson(staging, "processor_config.json", new JsonObject
        {
            ["processor_class"] = "LlavaProcessor",
            ["image_token"] = options.ImageToken,
            ["patch_size"] = vision.PatchSize,
            ["vision_feature_select_strategy"] = drops ? "default" : "full",
            ["num_additional_image_tokens"] = vision.HasClassToken ? 1 : 0,
        });
        using (WeightSet towerFiles = vision.Directory.OpenWeights(), textFiles = text.Directory.OpenWeights())
        {
            TensorEntry[] entries = [.. TowerPart.Tensors(towerFiles), .. Connector(options, vision.Width, text.Width, LanguagePart.StoredAs(textFiles)), .. text.Tensors(textFiles)];
            ShardedWeights.Write(staging, entries, new Dictionary<string, string> { ["format"] = "pt" });
        }

        // Every tensor has a place, and processor and tower agree: what is wrong shows here and not in the first training step.
        using (ModelCatalog.Load(ModelDirectory.Open(staging), parameters))
        {
            directory.Commit();
        }

        long connector = ((long)vision.Width * text.Width) + ((long)text.Width * text.Width) + (2L * text.Width);
        return new ComposeReport(text.ImageTokenId, text.AddedRows, vision.Patches + (vision.HasClassToken ? 1 : 0) - (drops ? 1 : 0), connector);
    }

    private static JsonObject Config(ComposeOptions options, TowerPart vision, LanguagePart text, bool drops) => new()
    {
        ["architectures"] = new JsonArray("LlavaForConditionalGeneration"),
        ["model_type"] = "llava",
        ["image_token_index"] = text.ImageTokenId,
        ["projector_hidden_act"] = "gelu",
        ["multimodal_projector_bias"] = true,
        ["vision_feature_layer"] = options.FeatureLayer,
        ["vision_feature_select_strategy"] = drops ? "default" : "full",
        ["tie_word_embeddings"] = text.IsTied,
        ["text_config"] = text.Config(),
        ["vision_config"] = vision.Config(),
    };

    private static IEnumerable<TensorEntry> Connector(ComposeOptions options, int visionWidth, int textWidth, SafeDType storedAs)
    {
        TensorEntry Matrix(string name, int rows, int columns)
        {
            float[] values = new float[rows * columns];
            Rng.FillNormal(values, options.Deviation, Rng.Key(options.Seed, Rng.Key(name)));
            return TensorEntry.FromF32(name, [rows, columns], values, storedAs);
        }

        const string Prefix = "multi_modal_projector.";
        return
        [
            Matrix(Prefix + "linear_1.weight", textWidth, visionWidth), TensorEntry.FromF32(Prefix + "linear_1.bias", [textWidth], new float[textWidth], storedAs),
            Matrix(Prefix + "linear_2.weight", textWidth, textWidth), TensorEntry.FromF32(Prefix + "linear_2.bias", [textWidth], new float[textWidth], storedAs),
        ];
    }

    /// <summary>
    /// The text model's template; where it prints plain text only, behind a step that writes pictures as their token and pieces of text one
    /// behind the other.
    /// </summary>
    private static string WithPictures(ModelDirectory text, string imageToken)
    {
        string template = text.ChatTemplate();
        return ChatTemplate.Parse(template, Path.Combine(text.Path, "chat_template")).PrintsParts ? template : PicturesAsText(imageToken) + template;
    }

    private static string PicturesAsText(string imageToken) =>
        "{%- set composed = namespace(messages=[], text='') -%}{%- for message in messages -%}"
        + "{%- if message['content'] is string -%}{%- set composed.text = message['content'] -%}{%- else -%}{%- set composed.text = '' -%}"
        + "{%- for part in message['content'] -%}{%- if part['type'] == 'image' -%}{%- set composed.text = composed.text + '" + imageToken + "\\n' -%}"
        + "{%- elif part['type'] == 'text' -%}{%- set composed.text = composed.text + part['text'] -%}{%- endif -%}{%- endfor -%}{%- endif -%}"
        + "{%- set composed.messages = composed.messages + [{'role': message['role'], 'content': composed.text}] -%}{%- endfor -%}"
        + "{%- set messages = composed.messages -%}";

    private static void WriteJson(string folder, string name, JsonNode json) =>
        File.WriteAllText(Path.Combine(folder, name), json.ToJsonString(Readable) + "\n");

    private static JsonNode Read(string path) => JsonNode.Parse(JsonFile.Read(path).GetRawText())!;

    /// <summary>The vision tower.</summary>
    private sealed class TowerPart
    {
        private const string Prefix = "vision_model.";
        private readonly ConfigSection _section;
        private readonly string _type;

        public TowerPart(ModelDirectory directory)
        {
            Directory = directory;
            _section = directory.Config.TrySection("vision_config") ?? directory.Config;
            _type = directory.ModelType switch
            {
                "clip" or "clip_vision_model" => "clip_vision_model",
                "siglip" or "siglip_vision_model" => "siglip_vision_model",
                _ => throw directory.Config.Wrong("model_type", "clip, clip_vision_model, siglip or siglip_vision_model"),
            };
        }

        public ModelDirectory Directory { get; }

        public bool HasClassToken => _type == "clip_vision_model";

        public int Width => _section.Int("hidden_size", 768);

        public int PatchSize => _section.Int("patch_size", HasClassToken ? 32 : 16);

        public int ImageSize => _section.Int("image_size", 224);

        public int Patches => ImageSize / PatchSize * (ImageSize / PatchSize);

        public JsonNode Config()
        {
            JsonNode config = JsonNode.Parse(_section.Json.GetRawText())!;
            config["model_type"] = _type;
            return config;
        }

        public JsonNode Pictures()
        {
            string path = Path.Combine(Directory.Path, "preprocessor_config.json");
            JsonNode settings = File.Exists(path) ? Read(path) : new JsonObject { ["image_processor_type"] = HasClassToken ? "CLIPImageProcessor" : "SiglipImageProcessor" };
            settings["processor_class"] = "LlavaProcessor";
            if (HasClassToken)
            {
                settings["size"] ??= new JsonObject { ["shortest_edge"] = ImageSize };
                settings["crop_size"] ??= new JsonObject { ["height"] = ImageSize, ["width"] = ImageSize };
            }
            else
            {
                settings["size"] ??= new JsonObject { ["height"] = ImageSize, ["width"] = ImageSize };
            }

            return settings;
        }

        public static IEnumerable<TensorEntry> Tensors(WeightSet files)
        {
            bool hasPrefix = files.Tensors.Keys.Any(k => k.StartsWith(Prefix, StringComparison.Ordinal));
            string[] names = [.. files.Tensors.Keys.Where(k => !hasPrefix || k.StartsWith(Prefix, StringComparison.Ordinal)).Where(k => !k.EndsWith("position_ids", StringComparison.Ordinal))];
            return names.Order(StringComparer.Ordinal).Select(name => TensorEntry.Copy(files.FileOf(name), name) with { Name = "vision_tower." + (hasPrefix ? "" : Prefix) + name });
        }
    }

    /// <summary>The text model.</summary>
    private sealed class LanguagePart
    {
        private readonly int _rows;
        private readonly bool _isNewToken;

        public LanguagePart(ModelDirectory directory, string imageToken)
        {
            Directory = directory;
            if (!Backbones.DecoderConfig.ModelTypes.Contains(directory.ModelType))
            {
                throw directory.Config.Wrong("model_type", "a text model: " + string.Join(", ", Backbones.DecoderConfig.ModelTypes));
            }

            Width = directory.Config.Int("hidden_size");
            _rows = directory.Config.Int("vocab_size");
            int? known = Tokenizer.Load(directory.TokenizerPath).TokenToId(imageToken);
            _isNewToken = known is null;
            ImageTokenId = known ?? HighestId(Read(directory.TokenizerPath)) + 1;
            AddedRows = ImageTokenId < _rows ? 0 : ((ImageTokenId + RowMultiple) / RowMultiple * RowMultiple) - _rows;
        }

        public ModelDirectory Directory { get; }

        public int Width { get; }

        public int ImageTokenId { get; }

        /// <summary>Rows that the embeddings lack.</summary>
        public int AddedRows { get; }

        public bool IsTied => Directory.Config.Bool("tie_word_embeddings", false);

        public JsonNode Config()
        {
            JsonNode config = JsonNode.Parse(Directory.Config.Json.GetRawText())!;
            config["vocab_size"] = _rows + AddedRows;
            config["tie_word_embeddings"] = IsTied;
            return config;
        }

        public static SafeDType StoredAs(WeightSet files) => files.Info("model.embed_tokens.weight").DType;

        /// <summary>Adds the token, special so that it is never split.</summary>
        public void WriteTokenizer(string folder, string imageToken)
        {
            if (!_isNewToken)
            {
                return;
            }

            string path = Path.Combine(folder, "tokenizer.json");
            JsonNode tokenizer = Read(path);
            JsonArray added = tokenizer["added_tokens"] as JsonArray ?? [];
            added.Add(new JsonObject
            {
                ["id"] = ImageTokenId,
                ["content"] = imageToken,
                ["single_word"] = false,
                ["lstrip"] = false,
                ["rstrip"] = false,
                ["normalized"] = false,
                ["special"] = true,
            });
            tokenizer["added_tokens"] = added;
            File.WriteAllText(path, tokenizer.ToJsonString(Plain));
            string settingsPath = Path.Combine(folder, "tokenizer_config.json");
            JsonNode settings = File.Exists(settingsPath) ? Read(settingsPath) : new JsonObject();
            settings["image_token"] = imageToken;
            if (settings["added_tokens_decoder"] is JsonObject decoder)
            {
                decoder[ImageTokenId.ToString(System.Globalization.CultureInfo.InvariantCulture)] = new JsonObject
                {
                    ["content"] = imageToken,
                    ["lstrip"] = false,
                    ["normalized"] = false,
                    ["rstrip"] = false,
                    ["single_word"] = false,
                    ["special"] = true,
                };
            }

            (settings as JsonObject)?.Remove("chat_template");
            File.WriteAllText(settingsPath, settings.ToJsonString(Readable));
        }

        public IEnumerable<TensorEntry> Tensors(WeightSet files) => files.Tensors.Keys.Order(StringComparer.Ordinal)
            .Where(name => !(IsTied && name == "lm_head.weight") && !name.EndsWith("rotary_emb.inv_freq", StringComparison.Ordinal))
            .Select(name => (AddedRows > 0 && name is "model.embed_tokens.weight" or "lm_head.weight" ? Longer(files, name) : TensorEntry.Copy(files.FileOf(name), name)) with { Name = "language_model." + name });

        /// <summary>A matrix of token rows with new ones, each the mean of the old.</summary>
        private TensorEntry Longer(WeightSet files, string name)
        {
            TensorInfo info = files.Info(name);
            if (AddedRows == 0)
            {
                return TensorEntry.Copy(files.FileOf(name), name);
            }

            return new TensorEntry(name, info.DType, [info.Shape[0] + AddedRows, info.Shape[1]], stream =>
            {
                files.FileOf(name).CopyTo(name, stream);
                float[] values = files.ReadF32(name), rows = new float[AddedRows * Width];
                double[] mean = new double[Width];
                for (int i = 0; i < values.Length; i++)
                {
                    mean[i % Width] += values[i];
                }

                for (int i = 0; i < rows.Length; i++)
                {
                    rows[i] = (float)(mean[i % Width] / info.Shape[0]);
                }

                TensorEntry.FromF32(name, [AddedRows, Width], rows, info.DType).WriteTo(stream);
            });
        }

        private static int HighestId(JsonNode tokenizer)
        {
            int highest = -1;
            foreach (JsonNode? token in tokenizer["added_tokens"] as JsonArray ?? [])
            {
                highest = Math.Max(highest, (int)token!["id"]!);
            }

            if (tokenizer["model"]?["vocab"] is JsonObject vocabulary)
            {
                highest = Math.Max(highest, vocabulary.Max(entry => (int)entry.Value!));
            }

            return highest;
        }
    }
}
