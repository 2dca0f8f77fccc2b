using Lorikeet.Models;

namespace Lorikeet.Cli.Parity;

/// <summary>What a golden directory holds; any part may be missing.</summary>
internal static class ParityFiles
{
    public static IEnumerable<string> Directories(string path) =>
        !Directory.Exists(path) ? [] : Directory.EnumerateDirectories(path).Select(d => Path.GetFileName(d)!).Order(StringComparer.Ordinal);

    /// <summary>Names of the JSON and safetensors files of a directory, without extension, each once.</summary>
    public static IEnumerable<string> Stems(string path) =>
        !Directory.Exists(path) ? [] : Directory.EnumerateFiles(path)
            .Where(f => Path.GetExtension(f) is ".json" or ".safetensors")
            .Select(f => Path.GetFileNameWithoutExtension(f)!)
            .Distinct(StringComparer.Ordinal)
            .Order(StringComparer.Ordinal);

    /// <summary>Cases of a family: JSON files with a safetensors twin.</summary>
    public static IEnumerable<string> Cases(string path) =>
        Directory.EnumerateFiles(path, "*.json")
            .Select(f => Path.GetFileNameWithoutExtension(f)!)
            .Where(name => name != "case" && File.Exists(Path.Combine(path, name + ".safetensors")))
            .Order(StringComparer.Ordinal);

    /// <summary>Why nothing of a family can be computed, or null where its model can be loaded.</summary>
    public static string? WhyNoModel(string directory)
    {
        if (!Directory.Exists(directory))
        {
            return "the model directory is not here";
        }

        if (!File.Exists(Path.Combine(directory, "config.json")) || !Directory.EnumerateFiles(directory, "*.safetensors").Any())
        {
            return "the model's config.json or its weights are not here";
        }

        ModelDirectory opened = ModelDirectory.Open(directory);
        return ModelCatalog.Supports(opened) ? null : $"model type '{opened.ModelType}' is not available yet";
    }
}
