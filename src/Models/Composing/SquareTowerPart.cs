using System.Text.Json.Nodes;
using Lorikeet.Nn.Weights;

namespace Lorikeet.Models.Composing;

/// <summary>A CLIP or SigLIP tower, of a whole model or by itself: joined it is a LLaVA model, which transformers loads as well.</summary>
internal sealed class SquareTowerPart : TowerPart
{
    private const string Prefix = "vision_model.";
    private const int LastButOne = -2;

    private readonly ConfigSection _section;
    private readonly string _type;
    private readonly IReadOnlyList<int> _featureLayers;
    private readonly bool _drops;

    /// <summary>Reads a tower's configuration.</summary>
    public SquareTowerPart(ModelDirectory directory, string type, ComposeOptions options)
        : base(directory)
    {
        _section = directory.Config.TrySection("vision_config") ?? directory.Config;
        _type = type;
        _featureLayers = options.FeatureLayers.Count > 0 ? options.FeatureLayers : [LastButOne];
        _drops = options.DropsClassToken ?? HasClassToken;
    }

    public override int Width => _section.Int("hidden_size", 768) * _featureLayers.Count;

    public override PictureTokens Tokens
    {
        get
        {
            int side = ImageSize / PatchSize, count = (side * side) + (HasClassToken ? 1 : 0) - (_drops ? 1 : 0);
            return new PictureTokens(count, count);
        }
    }

    public override string ConnectorName => "multi_modal_projector.";

    private bool HasClassToken => _type == "clip_vision_model";

    private int PatchSize => _section.Int("patch_size", HasClassToken ? 32 : 16);

    private int ImageSize => _section.Int("image_size", 224);

    private string Strategy => _drops ? "default" : "full";

    public override JsonObject Config(LanguagePart text, ImageToken token)
    {
        JsonNode tower = JsonNode.Parse(_section.Json.GetRawText())!;
        tower["model_type"] = _type;
        return new()
        {
            ["architectures"] = new JsonArray("LlavaForConditionalGeneration"),
            ["model_type"] = "llava",
            ["image_token_index"] = token.Id,
            ["projector_hidden_act"] = "gelu",
            ["multimodal_projector_bias"] = true,
            ["vision_feature_layer"] = _featureLayers.Count == 1 ? _featureLayers[0] : new JsonArray([.. _featureLayers.Select(layer => (JsonNode)layer)]),
            ["vision_feature_select_strategy"] = Strategy,
            ["tie_word_embeddings"] = text.IsTied,
            ["text_config"] = text.Config(),
            ["vision_config"] = tower,
        };
    }

    public override JsonObject Pictures()
    {
        JsonObject settings = OwnPictures() ?? new JsonObject { ["image_processor_type"] = HasClassToken ? "CLIPImageProcessor" : "SiglipImageProcessor" };
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

    public override JsonObject Processor(ImageToken token) => new()
    {
        ["processor_class"] = "LlavaProcessor",
        ["image_token"] = token.Content,
        ["patch_size"] = PatchSize,
        ["vision_feature_select_strategy"] = Strategy,
        ["num_additional_image_tokens"] = HasClassToken ? 1 : 0,
    };

    public override IEnumerable<TensorEntry> Tensors(WeightSet files)
    {
        bool hasPrefix = files.Tensors.Keys.Any(k => k.StartsWith(Prefix, StringComparison.Ordinal));
        string[] names = [.. files.Tensors.Keys.Where(k => !hasPrefix || k.StartsWith(Prefix, StringComparison.Ordinal)).Where(k => !k.EndsWith("position_ids", StringComparison.Ordinal))];
        return names.Order(StringComparer.Ordinal).Select(name => TensorEntry.Copy(files.FileOf(name), name) with { Name = "vision_tower." + (hasPrefix ? "" : Prefix) + name });
    }

    public override string TextName(string name) => "language_model." + name;
}
