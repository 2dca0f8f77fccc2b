using System.Text.Json;
using System.Text.Json.Nodes;

namespace Lorikeet.Hub;

/// <summary>
/// The list of a commit's files on disk, in the form of the hub's own clients: with it, whether a snapshot is whole can be told without
/// asking the hub.
/// </summary>
internal static class TreeRecord
{
    private const int Version = 1;
    private const long MaxBytes = 64 << 20;
    private static readonly JsonSerializerOptions Json = new() { WriteIndented = true };

    /// <summary>Writes the list. One with files whose size is unknown is not written: it could not tell whether they are whole.</summary>
    public static void Write(string path, IReadOnlyList<RepositoryFile> files)
    {
        if (File.Exists(path) || files.Any(file => file.Size is null || file.BlobId is null))
        {
            return;
        }

        var entries = new JsonObject();
        foreach (RepositoryFile file in files.OrderBy(file => file.Path, StringComparer.Ordinal))
        {
            var entry = new JsonObject { ["size"] = file.Size, ["blob_id"] = file.BlobId };
            if (file.Sha256 is not null)
            {
                entry["lfs_sha256"] = file.Sha256;
                entry["lfs_size"] = file.Size;
            }

            entries[file.Path] = entry;
        }

        HubCache.Replace(path, new JsonObject { ["format_version"] = Version, ["files"] = entries }.ToJsonString(Json));
    }

    /// <summary>Reads a list; null if there is none that can be used (it is only a record, and is made again).</summary>
    public static IReadOnlyList<RepositoryFile>? Read(string path)
    {
        if (!File.Exists(path) || new FileInfo(path).Length > MaxBytes)
        {
            return null;
        }

        try
        {
            using var document = JsonDocument.Parse(File.ReadAllBytes(path));
            JsonElement root = document.RootElement;
            if (root.GetProperty("format_version").GetInt32() != Version)
            {
                return null;
            }

            var files = root.GetProperty("files").EnumerateObject().Select(entry => new RepositoryFile(
                entry.Name,
                entry.Value.GetProperty("size").GetInt64(),
                entry.Value.GetProperty("blob_id").GetString(),
                entry.Value.TryGetProperty("lfs_sha256", out JsonElement sha256) ? sha256.GetString() : null)).ToList();
            return files.All(file => SafePath.Danger(file.Path) is null) ? files : null;
        }
        catch (Exception damaged) when (damaged is JsonException or KeyNotFoundException or InvalidOperationException or FormatException)
        {
            return null;
        }
    }
}
