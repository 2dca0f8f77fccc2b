using System.Globalization;

namespace Lorikeet.Nn.Weights;

/// <summary>Writes a model's weights as <c>model.safetensors</c>, or as numbered shards with an index once they pass a size.</summary>
public static class ShardedWeights
{
    /// <summary>Default of <c>max_shard_size</c>: 5 GB.</summary>
    public const long DefaultMaxShardBytes = 5_000_000_000;

    /// <summary>
    /// Writes the tensors into <paramref name="directory"/>, filling shards in the order given; a tensor above the limit gets a shard of
    /// its own. The directory must not hold model weights yet. Source: <c>split_state_dict_into_shards</c> of huggingface_hub.
    /// </summary>
    /// <returns>The files written, index last.</returns>
    public static IReadOnlyList<string> Write(
        string directory,
        IReadOnlyList<TensorEntry> tensors,
        IReadOnlyDictionary<string, string>? metadata = null,
        long maxShardBytes = DefaultMaxShardBytes)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(maxShardBytes, 1);
        RefuseUsed(directory);
        List<List<TensorEntry>> shards = Split(tensors, maxShardBytes);
        if (shards.Count == 1)
        {
            string single = Path.Combine(directory, "model.safetensors");
            SafeTensorsWriter.Write(single, shards[0], metadata);
            return [single];
        }

        var files = new List<string>();
        var map = new Dictionary<string, string>(StringComparer.Ordinal);
        for (int i = 0; i < shards.Count; i++)
        {
            string name = string.Create(CultureInfo.InvariantCulture, $"model-{i + 1:D5}-of-{shards.Count:D5}.safetensors");
            foreach (TensorEntry tensor in shards[i])
            {
                if (!map.TryAdd(tensor.Name, name))
                {
                    throw new InvalidDataException($"{directory}: the tensor name '{tensor.Name}' is used twice.");
                }
            }

            files.Add(Path.Combine(directory, name));
            SafeTensorsWriter.Write(files[^1], shards[i], metadata);
        }

        files.Add(Path.Combine(directory, WeightIndex.FileName));
        WeightIndex.Write(files[^1], map, tensors.Sum(t => t.ByteLength));
        return files;
    }

    /// <summary>Reads a size such as <c>5GB</c>, <c>512MiB</c> or <c>1000000</c> (decimal and binary units, bytes without one).</summary>
    public static bool TryParseSize(string text, out long bytes)
    {
        bytes = 0;
        string trimmed = text.Trim();
        int digits = trimmed.AsSpan().IndexOfAnyExceptInRange('0', '9');
        digits = digits < 0 ? trimmed.Length : digits;
        long? unit = trimmed[digits..].Trim().ToUpperInvariant() switch
        {
            "" or "B" => 1,
            "KB" => 1_000,
            "MB" => 1_000_000,
            "GB" => 1_000_000_000,
            "TB" => 1_000_000_000_000,
            "KIB" => 1L << 10,
            "MIB" => 1L << 20,
            "GIB" => 1L << 30,
            "TIB" => 1L << 40,
            _ => null,
        };
        if (unit is null || !long.TryParse(trimmed.AsSpan(0, digits), NumberStyles.None, CultureInfo.InvariantCulture, out long number)
            || number > long.MaxValue / unit || number == 0)
        {
            return false;
        }

        bytes = number * unit.Value;
        return true;
    }

    private static List<List<TensorEntry>> Split(IReadOnlyList<TensorEntry> tensors, long maxBytes)
    {
        List<List<TensorEntry>> shards = [];
        List<TensorEntry> current = [];
        long bytes = 0;
        foreach (TensorEntry tensor in tensors)
        {
            long size = tensor.ByteLength;
            if (size > maxBytes)
            {
                shards.Add([tensor]);
                continue;
            }

            if (bytes + size > maxBytes && current.Count > 0)
            {
                shards.Add(current);
                (current, bytes) = ([], 0);
            }

            current.Add(tensor);
            bytes += size;
        }

        if (current.Count > 0 || shards.Count == 0)
        {
            shards.Add(current);
        }

        return shards;
    }

    private static void RefuseUsed(string directory)
    {
        string? used = Directory.EnumerateFiles(directory, "model*.safetensors*").Order(StringComparer.Ordinal).FirstOrDefault();
        if (used is not null)
        {
            throw new InvalidDataException($"{used}: the directory holds model weights already; expected one without, so that old and new shards do not mix.");
        }
    }
}
