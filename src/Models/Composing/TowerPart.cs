using System.Text.Json.Nodes;
using Lorikeet.Nn.Weights;

namespace Lorikeet.Models.Composing;

/// <summary>The vision tower of a composition, of a CLIP or SigLIP model or by itself.</summary>
internal sealed class TowerPart
{
    private const string Prefix = "vision_model.";
    private readonly ConfigSection _section;
    private readonly string _type;

    /// <summary>Reads a tower's configuration.</summary>
    /// <exception cref="InvalidDataException">The directory holds another kind of model.</exception>
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

    /// <summary>Settings of the image processor.</summary>
    public JsonNode Pictures()
    {
        JsonNode settings = JsonFiles.TryRead(Path.Combine(Directory.Path, "preprocessor_config.json"))
            ?? new JsonObject { ["image_processor_type"] = HasClassToken ? "CLIPImageProcessor" : "SiglipImageProcessor" };
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
