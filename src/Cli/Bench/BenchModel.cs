using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Lorikeet.Models;
using Lorikeet.Nn.Weights;
using Lorikeet.Tensors;

namespace Lorikeet.Cli.Bench;

/// <summary>Model directories with the real shapes of public models and random weights: only speed and memory are measured on them.</summary>
/// <param name="Hidden">Width of the text model.</param>
/// <param name="Layers">Blocks of the text model.</param>
/// <param name="Heads">Query heads of the text model.</param>
/// <param name="KvHeads">Key and value heads of the text model.</param>
/// <param name="MlpWidth">Width of its MLP.</param>
/// <param name="VisionHidden">Width of the vision tower, whose MLP has four times as much.</param>
/// <param name="VisionLayers">Blocks of the vision tower.</param>
/// <param name="VisionHeads">Heads of the vision tower.</param>
/// <param name="TileSize">Edge of a tile in pixels.</param>
/// <param name="ScaleFactor">Edge of the squares of patches that become one token.</param>
internal sealed record BenchModel(
    int Hidden, int Layers, int Heads, int KvHeads, int MlpWidth, int VisionHidden, int VisionLayers, int VisionHeads, int TileSize, int ScaleFactor)
{
    private const int PatchSize = 16, Vocabulary = 49280;
    private const float Deviation = 0.02f;
    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true };

    private static readonly Dictionary<string, BenchModel> Shapes = new(StringComparer.Ordinal)
    {
        ["smolvlm-256m"] = new(576, 30, 9, 3, 1536, 768, 12, 12, 512, 4),
        ["smolvlm-500m"] = new(960, 32, 15, 5, 2560, 768, 12, 12, 512, 4),
        ["tiny"] = new(64, 2, 4, 2, 128, 64, 2, 4, 64, 2),
    };

    private static readonly string[] Specials =
    [
        "<|im_start|>", "<|im_end|>", "<end_of_utterance>", "<image>", "<fake_token_around_image>", "<global-img>",
        .. Enumerable.Range(0, 36).Select(i => string.Create(CultureInfo.InvariantCulture, $"<row_{(i / 6) + 1}_col_{(i % 6) + 1}>")),
    ];

    /// <summary>Words that are one token, at the start of a text or after a space; everything else is spelled in bytes.</summary>
    private static readonly string[] Words =
    [
        .. ("a the of red blue green square circle triangle above below left right two three four many small large image shows describe count what is in "
            + "this picture there are on grey background colour shape").Split(' ').SelectMany(word => new[] { word, " " + word }),
    ];

    private const string Template =
        "<|im_start|>{% for message in messages %}{{message['role'] | capitalize}}"
        + "{% if message['content'][0]['type'] == 'image' %}{{':'}}{% else %}{{': '}}{% endif %}"
        + "{% for line in message['content'] %}{% if line['type'] == 'text' %}{{line['text']}}"
        + "{% elif line['type'] == 'image' %}{{ '<image>' }}{% endif %}{% endfor %}<end_of_utterance>\n"
        + "{% endfor %}{% if add_generation_prompt %}{{ 'Assistant:' }}{% endif %}";

    /// <summary>Names of the shapes.</summary>
    public static IEnumerable<string> Names => Shapes.Keys;

    /// <summary>The shape of a name.</summary>
    /// <exception cref="InvalidDataException">There is none.</exception>
    public static BenchModel Named(string name) =>
        Shapes.GetValueOrDefault(name) ?? throw new InvalidDataException($"there is no shape '{name}'; shapes are {string.Join(", ", Names)}");

    /// <summary>Writes a model directory in bf16.</summary>
    /// <param name="directory">Where to.</param>
    /// <param name="longestEdge">Longest edge of pictures in pixels; null: one tile.</param>
    /// <param name="seed">Of the weights.</param>
    /// <returns>Number of parameters.</returns>
    public long Write(string directory, int? longestEdge, ulong seed)
    {
        Directory.CreateDirectory(directory);
        Save(directory, "tokenizer.json", ByteLevelTokenizer.Make(Specials, Words, out _));
        Save(directory, "config.json", Config());
        Save(directory, "tokenizer_config.json", new JsonObject
        {
            ["tokenizer_class"] = "PreTrainedTokenizerFast",
            ["bos_token"] = Specials[0],
            ["eos_token"] = Specials[2],
            ["pad_token"] = Specials[1],
            ["clean_up_tokenization_spaces"] = false,
        });
        Save(directory, "generation_config.json", new JsonObject { ["bos_token_id"] = 0, ["pad_token_id"] = 1, ["eos_token_id"] = 2 });
        Save(directory, "preprocessor_config.json", Pictures(longestEdge ?? TileSize));
        int side = TileSize / PatchSize;
        Save(directory, "processor_config.json", new JsonObject
        {
            ["image_seq_len"] = side * side / (ScaleFactor * ScaleFactor),
            ["processor_class"] = "Idefics3Processor",
        });
        File.WriteAllText(Path.Combine(directory, "chat_template.jinja"), Template);
        using var session = new ComputeSession(Compute.F32, threads: 1);
        using LoadedModel loaded = ModelCatalog.Initialize(ModelDirectory.Open(directory), session.Parameters, Deviation, seed);
        ModelWriter.Write(directory, loaded, SafeDType.BF16);
        return loaded.Model.Parts.Params.Sum(p => p.Value.Count);
    }

    private JsonObject Config() => new()
    {
        ["architectures"] = new JsonArray("Idefics3ForConditionalGeneration"),
        ["model_type"] = "idefics3",
        ["image_token_id"] = 3,
        ["scale_factor"] = ScaleFactor,
        ["tie_word_embeddings"] = false,
        ["dtype"] = "bfloat16",
        ["pad_token_id"] = 1,
        ["text_config"] = new JsonObject
        {
            ["model_type"] = "llama",
            ["hidden_size"] = Hidden,
            ["intermediate_size"] = MlpWidth,
            ["num_hidden_layers"] = Layers,
            ["num_attention_heads"] = Heads,
            ["num_key_value_heads"] = KvHeads,
            ["head_dim"] = Hidden / Heads,
            ["vocab_size"] = Vocabulary,
            ["rms_norm_eps"] = 1e-5,
            ["rope_theta"] = 100000.0,
            ["max_position_embeddings"] = 8192,
            ["hidden_act"] = "silu",
            ["tie_word_embeddings"] = false,
            ["pad_token_id"] = 1,
        },
        ["vision_config"] = new JsonObject
        {
            ["model_type"] = "idefics3_vision",
            ["hidden_size"] = VisionHidden,
            ["intermediate_size"] = 4 * VisionHidden,
            ["num_hidden_layers"] = VisionLayers,
            ["num_attention_heads"] = VisionHeads,
            ["image_size"] = TileSize,
            ["patch_size"] = PatchSize,
            ["num_channels"] = 3,
            ["hidden_act"] = "gelu_pytorch_tanh",
            ["layer_norm_eps"] = 1e-6,
        },
    };

    private JsonObject Pictures(int longestEdge) => new()
    {
        ["image_processor_type"] = "Idefics3ImageProcessor",
        ["processor_class"] = "Idefics3Processor",
        ["do_convert_rgb"] = true,
        ["do_resize"] = true,
        ["size"] = new JsonObject { ["longest_edge"] = longestEdge },
        ["resample"] = 1,
        ["do_image_splitting"] = true,
        ["max_image_size"] = new JsonObject { ["longest_edge"] = TileSize },
        ["do_rescale"] = true,
        ["rescale_factor"] = 1 / 255.0,
        ["do_normalize"] = true,
        ["image_mean"] = new JsonArray(0.5, 0.5, 0.5),
        ["image_std"] = new JsonArray(0.5, 0.5, 0.5),
        ["do_pad"] = true,
    };

    private static void Save(string directory, string name, JsonObject json) => File.WriteAllText(Path.Combine(directory, name), json.ToJsonString(Indented) + "\n");
}
