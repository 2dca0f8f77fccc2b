using System.Text.Json.Nodes;
using Lorikeet.Nn.Weights;

namespace Lorikeet.Testing;

/// <summary>Directories with one part of a tiny golden model: a vision tower or a text model by itself.</summary>
public static class ModelPart
{
    /// <summary>Writes the text model of a golden model as a directory of its own.</summary>
    /// <param name="family">Name among the golden models; one whose text model stands under <c>language_model.</c>.</param>
    /// <param name="folder">Where to.</param>
    /// <returns>The folder.</returns>
    public static string Text(string family, string folder) => Write(family, "text_config", "language_model.", folder);

    /// <summary>Writes the vision tower of a golden model as a directory of its own.</summary>
    /// <param name="family">Name among the golden models; one whose tower stands under <c>vision_tower.</c>.</param>
    /// <param name="folder">Where to.</param>
    /// <returns>The folder.</returns>
    public static string Vision(string family, string folder) => Write(family, "vision_config", "vision_tower.", folder);

    private static string Write(string family, string section, string prefix, string folder)
    {
        Directory.CreateDirectory(folder);
        string source = Golden.Path("models", family);
        foreach (string file in Directory.EnumerateFiles(source).Where(f => !f.EndsWith(".safetensors", StringComparison.Ordinal) && !Path.GetFileName(f).StartsWith("config", StringComparison.Ordinal)))
        {
            File.Copy(file, Path.Combine(folder, Path.GetFileName(file)));
        }

        File.WriteAllText(Path.Combine(folder, "config.json"), JsonNode.Parse(File.ReadAllText(Path.Combine(source, "config.json")))![section]!.ToJsonString());
        using SafeTensorsFile weights = SafeTensorsFile.Open(Path.Combine(source, "model.safetensors"));
        TensorEntry[] entries =
        [
            .. weights.Tensors.Keys.Where(n => n.StartsWith(prefix, StringComparison.Ordinal)).Select(n => TensorEntry.Copy(weights, n) with { Name = n[prefix.Length..] }),
        ];
        ShardedWeights.Write(folder, entries, new Dictionary<string, string> { ["format"] = "pt" });
        return folder;
    }
}
