namespace Lorikeet.Cli.Parity;

/// <summary>What a golden directory holds; any part may be missing.</summary>
internal static class ParityFiles
{
    public static IEnumerable<string> Directories(string path) =>
        !Directory.Exists(path) ? [] : Directory.EnumerateDirectories(path).Select(d => Path.GetFileName(d)!).Order(StringComparer.Ordinal);

    /// <summary>Cases of a family: JSON files with a safetensors twin.</summary>
    public static IEnumerable<string> Cases(string path) =>
        Directory.EnumerateFiles(path, "*.json")
            .Select(f => Path.GetFileNameWithoutExtension(f)!)
            .Where(name => name != "case" && File.Exists(Path.Combine(path, name + ".safetensors")))
            .Order(StringComparer.Ordinal);
}
