using System.Text.Json.Nodes;
using Lorikeet.Models.Backbones;
using Lorikeet.Models.Families;
using Lorikeet.Nn.Weights;

namespace Lorikeet.Models.Composing;

/// <summary>
/// The tower of a Qwen2-VL or Qwen2.5-VL model with its merger, which no other program joins with a foreign text model: the directory has a
/// model type of its own.
/// </summary>
internal sealed class GridTowerPart : TowerPart
{
    private const string Prefix = "model.vision_tower.", LastMatrix = "merger.mlp.2.weight";

    private readonly ConfigSection _section;
    private readonly string _featureKey;

    /// <summary>Reads a tower's configuration, and its width from its weights.</summary>
    /// <exception cref="InvalidDataException">The model has no tower, or the options are for other towers.</exception>
    public GridTowerPart(ModelDirectory directory, ComposeOptions options)
        : base(directory)
    {
        if (options.FeatureLayers.Count > 0 || options.DropsClassToken is not null)
        {
            throw new InvalidDataException($"{directory.Path}: the features of this tower ({directory.ModelType}) come from behind its merger; a feature layer can be chosen for CLIP and SigLIP towers only");
        }

        _section = directory.Config.Section("vision_config");
        _featureKey = directory.ModelType == "qwen2_vl" ? "hidden_size" : "out_hidden_size";
        using WeightSet files = directory.OpenWeights();
        Width = (int)files.Info(Place(files) + LastMatrix).Shape[0];
    }

    /// <summary>Model types of directories.</summary>
    public static IReadOnlyList<string> Types { get; } = ["qwen2_vl", "qwen2_5_vl"];

    public override int Width { get; }

    public override PictureTokens Tokens
    {
        get
        {
            var pictures = new MergedPatches(ConfigSection.From(Path.Combine(Directory.Path, "preprocessor_config.json"), System.Text.Json.JsonSerializer.SerializeToElement(Pictures())));
            int edge = pictures.PatchSize * pictures.MergeSize, area = edge * edge;
            return new PictureTokens(Math.Max(1, pictures.MinPixels / area), Math.Max(1, pictures.MaxPixels / area), edge);
        }
    }

    public override string? OwnType => GridLlavaConfig.ModelType;

    public override string ConnectorName => "model.multi_modal_projector.";

    public override JsonObject Config(LanguagePart text, ImageToken token)
    {
        JsonNode tower = JsonNode.Parse(_section.Json.GetRawText())!;
        tower["model_type"] = Directory.ModelType + "_vision";
        tower[_featureKey] = Width;
        return new()
        {
            ["architectures"] = new JsonArray("LorikeetGridLlava"),
            ["model_type"] = GridLlavaConfig.ModelType,
            ["image_token_index"] = token.Id,
            ["projector_hidden_act"] = "gelu",
            ["multimodal_projector_bias"] = true,
            ["tie_word_embeddings"] = text.IsTied,
            ["text_config"] = text.Config(),
            ["vision_config"] = tower,
        };
    }

    public override JsonObject Pictures()
    {
        PatchShape shape = PatchShape.From(_section);
        JsonObject settings = OwnPictures() ?? new JsonObject { ["image_processor_type"] = "Qwen2VLImageProcessor" };
        settings.Remove("processor_class");
        settings["patch_size"] ??= shape.Size;
        settings["temporal_patch_size"] ??= shape.Frames;
        settings["merge_size"] ??= shape.MergeSize;
        return settings;
    }

    public override JsonObject Processor(ImageToken token) => new() { ["image_token"] = token.Content };

    /// <summary>All tensors of the tower; the others belong to the text model that it leaves.</summary>
    public override IEnumerable<TensorEntry> Tensors(WeightSet files)
    {
        string place = Place(files);
        return files.Tensors.Keys.Where(name => name.StartsWith(place, StringComparison.Ordinal)).Order(StringComparer.Ordinal)
            .Select(name => TensorEntry.Copy(files.FileOf(name), name) with { Name = Prefix + name[place.Length..] });
    }

    public override string TextName(string name) => name.StartsWith("model.", StringComparison.Ordinal) ? "model.language_model." + name["model.".Length..] : name;

    /// <summary>Where files have the tower: as transformers 5 writes them, and 4.</summary>
    private static string Place(WeightSet files) =>
        files.Tensors.Keys.Any(name => name.StartsWith("model.visual.", StringComparison.Ordinal)) ? "model.visual." : "visual.";
}
