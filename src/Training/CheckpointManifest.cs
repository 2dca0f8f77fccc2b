using System.Globalization;
using System.Security.Cryptography;
using System.Text.Json;
using Lorikeet.Nn.Weights;

namespace Lorikeet.Training;

/// <summary>The list of a checkpoint's files with sizes and hashes, which is written last.</summary>
internal static class CheckpointManifest
{
    /// <summary>Name of the file.</summary>
    public const string Name = "manifest.json";

    /// <summary>The version of checkpoints that this program writes, and the latest that it reads.</summary>
    public const int Version = 1;

    private const int MaxBytes = 1 << 20;
    private static readonly JsonSerializerOptions Json = new() { WriteIndented = true, PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower };

    /// <summary>Describes every file that lies in a directory.</summary>
    public static void Write(string directory)
    {
        var files = new SortedDictionary<string, Entry?>(StringComparer.Ordinal);
        foreach (string file in Directory.EnumerateFiles(directory))
        {
            files[Path.GetFileName(file)] = new Entry(new FileInfo(file).Length, Hash(file));
        }

        AtomicFile.WriteText(Path.Combine(directory, Name), JsonSerializer.Serialize(new Contents(Version, files), Json));
    }

    /// <summary>What is wrong with a directory that has a manifest, or null.</summary>
    /// <param name="directory">The checkpoint.</param>
    /// <param name="required">Files that must be among those described.</param>
    public static string? Damage(string directory, params ReadOnlySpan<string> required)
    {
        string manifest = Path.Combine(directory, Name);
        if (!File.Exists(manifest))
        {
            return $"{Name} is missing";
        }

        try
        {
            if (new FileInfo(manifest).Length > MaxBytes)
            {
                return $"{Name} is longer than {MaxBytes} bytes";
            }

            Contents? contents = JsonSerializer.Deserialize<Contents>(File.ReadAllText(manifest), Json);
            if (contents is { Version: > Version })
            {
                return string.Create(CultureInfo.InvariantCulture, $"it is of version {contents.Version}, made by a later Lorikeet; this one reads version {Version}");
            }

            if (contents is not { Version: Version, Files: { } files })
            {
                return $"{Name} does not say its version and files";
            }

            foreach (string name in required)
            {
                if (!files.ContainsKey(name))
                {
                    return $"{Name} does not list {name}";
                }
            }

            return files.Select(file => Damage(directory, file.Key, file.Value)).FirstOrDefault(damage => damage is not null);
        }
        catch (Exception e) when (e is JsonException or IOException or UnauthorizedAccessException)
        {
            return $"{Name}: {e.Message}";
        }
    }

    private static string? Damage(string directory, string name, Entry? entry)
    {
        if (entry is null || name.Length == 0 || name != Path.GetFileName(name) || name.Contains('\0', StringComparison.Ordinal))
        {
            return $"{Name} says nothing usable about {JsonSerializer.Serialize(name)}";
        }

        string file = Path.Combine(directory, name);
        if (!File.Exists(file))
        {
            return $"{name} is missing";
        }

        long bytes = new FileInfo(file).Length;
        return bytes != entry.Bytes ? string.Create(CultureInfo.InvariantCulture, $"{name} has {bytes} bytes of {entry.Bytes}")
            : Hash(file) != entry.Sha256 ? $"{name} does not match its recorded hash"
            : null;
    }

    private static string Hash(string file)
    {
        using FileStream stream = File.OpenRead(file);
        return Convert.ToHexStringLower(SHA256.HashData(stream));
    }

    private sealed record Contents(int Version, IDictionary<string, CheckpointManifest.Entry?>? Files);

    internal sealed record Entry(long Bytes, string Sha256);
}
