using System.Text.Json.Nodes;
using Lorikeet.Testing;

namespace Lorikeet.Training.Tests.Planning;

/// <summary>Model directories without weights, of any size.</summary>
internal static class OutlineModel
{
    /// <summary>Writes configuration, tokenizer and processor files.</summary>
    /// <param name="directory">Where to.</param>
    /// <param name="hidden">Width of the text model, which has heads of 64 and a vision tower of half its width.</param>
    /// <param name="layers">Blocks of the text model, and of the vision tower.</param>
    /// <param name="vocabulary">Tokens.</param>
    /// <returns>The directory.</returns>
    public static string Write(string directory, int hidden, int layers, int vocabulary)
    {
        Directory.CreateDirectory(directory);
        foreach (string file in Directory.GetFiles(Golden.Path("models", "smolvlm")).Where(f => Path.GetFileName(f) is not ("model.safetensors" or "config_v5.json" or "module_names.json")))
        {
            File.Copy(file, Path.Combine(directory, Path.GetFileName(file)));
        }

        string path = Path.Combine(directory, "config.json");
        var config = (JsonObject)JsonNode.Parse(File.ReadAllText(path))!;
        var text = (JsonObject)config["text_config"]!;
        var vision = (JsonObject)config["vision_config"]!;
        config["torch_dtype"] = text["torch_dtype"] = null;
        (text["hidden_size"], text["intermediate_size"], text["num_hidden_layers"]) = (hidden, 4 * hidden, layers);
        (text["num_attention_heads"], text["num_key_value_heads"], text["head_dim"], text["vocab_size"]) = (hidden / 64, hidden / 64, 64, vocabulary);
        (vision["hidden_size"], vision["intermediate_size"], vision["num_hidden_layers"], vision["num_attention_heads"]) = (hidden / 2, 2 * hidden, layers, hidden / 64);
        File.WriteAllText(path, config.ToJsonString());
        return directory;
    }
}
