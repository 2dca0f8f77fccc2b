using System.Text.Json;

namespace Lorikeet.Nn.Weights;

/// <summary>The file <c>model.safetensors.index.json</c>: which tensor lies in which shard.</summary>
internal static class WeightIndex
{
    public const string FileName = "model.safetensors.index.json";

    /// <summary>Reads the map from tensor name to shard file name.</summary>
    public static Dictionary<string, string> Read(string path)
    {
        JsonElement root = JsonFile.Read(path);
        if (root.ValueKind != JsonValueKind.Object || !root.TryGetProperty("weight_map", out JsonElement map) || map.ValueKind != JsonValueKind.Object)
        {
            throw new InvalidDataException($"{path}: key 'weight_map' is missing or no object; expected the shard file of every tensor.");
        }

        var shards = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (JsonProperty entry in map.EnumerateObject())
        {
            string? shard = entry.Value.ValueKind == JsonValueKind.String ? entry.Value.GetString() : null;
            if (string.IsNullOrEmpty(shard) || shard is "." or ".." || shard.AsSpan().IndexOfAny('/', '\\', '\0') >= 0)
            {
                throw new InvalidDataException($"{path}: 'weight_map' gives tensor '{entry.Name}' the shard {entry.Value.GetRawText()}; expected the name of a file in the same directory.");
            }

            shards.Add(entry.Name, shard);
        }

        return shards.Count > 0 ? shards : throw new InvalidDataException($"{path}: 'weight_map' is empty.");
    }

    /// <summary>Writes the index as huggingface_hub does: two-space indent, keys sorted.</summary>
    public static void Write(string path, IReadOnlyDictionary<string, string> shards, long totalBytes) => AtomicFile.Write(path, stream =>
    {
        using var json = new Utf8JsonWriter(stream, new JsonWriterOptions { Indented = true, NewLine = "\n" });
        json.WriteStartObject();
        json.WriteStartObject("metadata");
        json.WriteNumber("total_size", totalBytes);
        json.WriteEndObject();
        json.WriteStartObject("weight_map");
        foreach (string name in shards.Keys.Order(StringComparer.Ordinal))
        {
            json.WriteString(name, shards[name]);
        }

        json.WriteEndObject();
        json.WriteEndObject();
        json.Flush();
        stream.WriteByte((byte)'\n');
    });
}
