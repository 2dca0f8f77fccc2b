using System.Globalization;
using Lorikeet.Nn;
using Lorikeet.Nn.Weights;
using Lorikeet.Tensors;

namespace Lorikeet.Adapters;

/// <summary>Reads and writes adapter directories in PEFT's format: <c>adapter_config.json</c> and <c>adapter_model.safetensors</c>.</summary>
public static class AdapterFile
{
    /// <summary>Name of the settings file.</summary>
    public const string ConfigName = "adapter_config.json";

    /// <summary>Name of the tensors' file.</summary>
    public const string WeightsName = "adapter_model.safetensors";

    /// <summary>Reads the settings of an adapter directory.</summary>
    /// <exception cref="InvalidDataException">The file is missing, unreadable, or asks for what is not supported (named).</exception>
    public static LoraConfig ReadConfig(string directory)
    {
        string path = Path.Combine(directory, ConfigName);
        if (!File.Exists(path))
        {
            throw new InvalidDataException($"{directory}: no {ConfigName}: this is not an adapter directory");
        }

        return ReadConfig(JsonFile.Read(path), path);
    }

    /// <summary>Reads settings in the form of <see cref="ConfigName"/>.</summary>
    /// <param name="json">The object.</param>
    /// <param name="source">Where it stands, for messages.</param>
    /// <exception cref="InvalidDataException">A setting is wrong or not supported (named).</exception>
    public static LoraConfig ReadConfig(System.Text.Json.JsonElement json, string source)
    {
        LoraConfig config = LoraConfigJson.Read(json, source);
        config.Validate(source);
        return config;
    }

    /// <summary>Attaches the adapter of a directory to a model. Every tensor is used, or refused with its name.</summary>
    /// <param name="directory">A PEFT adapter directory.</param>
    /// <param name="parts">The model.</param>
    /// <param name="head">The model's head.</param>
    /// <param name="parameters">Where the factors live.</param>
    /// <exception cref="InvalidDataException">A tensor has no place, is missing or has another shape: the adapter was made for another base.</exception>
    public static AdapterSet Load(string directory, ModelParts parts, Linear head, Parameters parameters)
    {
        LoraConfig config = ReadConfig(directory);
        string path = Path.Combine(directory, WeightsName);
        using SafeTensorsFile file = SafeTensorsFile.Open(path);
        Check(file, AdapterSet.Targets(parts, head, config), config);
        AdapterSet set = AdapterSet.Attach(parts, head, config, parameters, seed: 0);
        try
        {
            Fill(set, file);
        }
        catch
        {
            set.Detach();
            throw;
        }

        return set;
    }

    /// <summary>Copies the tensors of an adapter file into attached adapters.</summary>
    public static void Fill(AdapterSet set, SafeTensorsFile file)
    {
        IReadOnlyList<(string Key, Tensor Value)> trained = set.Trained;
        var wanted = trained.ToDictionary(t => t.Key, t => t.Value, StringComparer.Ordinal);
        foreach ((string key, TensorInfo info) in file.Tensors)
        {
            if (!wanted.Remove(key, out Tensor? value))
            {
                throw new InvalidDataException($"{file.Path}: tensor '{key}' has no place in this model: the adapter was made for another base or by an unsupported method");
            }

            if (info.Count != value.Count || !SameShape(info.Shape, StoredShape(set, key, value)))
            {
                throw new InvalidDataException($"{file.Path}: tensor '{key}' is {info.Describe()}, this model needs {StoredShape(set, key, value)}: the adapter was made for another base");
            }

            value.CopyFrom<float>(file.ReadF32(key));
        }

        if (wanted.Count > 0)
        {
            throw new InvalidDataException($"{file.Path}: tensor '{wanted.Keys.First()}' is missing{(wanted.Count > 1 ? $" and {wanted.Count - 1} more" : "")}, although {ConfigName} targets its module");
        }
    }

    /// <summary>Writes the adapter as a PEFT directory; both files appear whole or not at all.</summary>
    /// <param name="directory">Created if it does not exist.</param>
    /// <param name="set">The adapters.</param>
    public static void Save(string directory, AdapterSet set)
    {
        Directory.CreateDirectory(directory);
        WriteWeights(Path.Combine(directory, WeightsName), set);
        AtomicFile.WriteText(Path.Combine(directory, ConfigName), LoraConfigJson.Write(set.Config));
    }

    /// <summary>Writes the trained tensors under their PEFT keys, f32.</summary>
    public static void WriteWeights(string path, AdapterSet set)
    {
        TensorEntry[] entries =
        [
            .. set.Trained.Select(t => TensorEntry.FromF32(t.Key, Dimensions(StoredShape(set, t.Key, t.Value)), t.Value.ToHost<float>())),
        ];
        SafeTensorsWriter.Write(path, entries, new Dictionary<string, string> { ["format"] = "pt" });
    }

    /// <summary>Compares the file with the model before anything of the size that the settings claim is allocated.</summary>
    private static void Check(SafeTensorsFile file, IReadOnlyList<Linear> targets, LoraConfig config)
    {
        foreach (Linear layer in targets)
        {
            string key = $"base_model.model.{layer.Path}.lora_A.weight";
            if (!file.Tensors.TryGetValue(key, out TensorInfo? info))
            {
                throw new InvalidDataException($"{file.Path}: tensor '{key}' is missing, although {ConfigName} targets its module: the file is not whole, or the adapter was made for another base");
            }

            if (!SameShape(info.Shape, new Shape(config.RankOf(layer.Path), layer.Weight.In)))
            {
                throw new InvalidDataException(string.Create(
                    CultureInfo.InvariantCulture,
                    $"{file.Path}: tensor '{key}' is {info.Describe()}, this model needs [{config.RankOf(layer.Path)}, {layer.Weight.In}]: the adapter was made for another base"));
            }
        }
    }

    private static Shape StoredShape(AdapterSet set, string key, Tensor value)
    {
        foreach ((string whole, Tensors.Storage.Param param) in set.Whole)
        {
            if (whole == key)
            {
                return param.StoredShape;
            }
        }

        return value.Shape;
    }

    private static long[] Dimensions(Shape shape) => [.. Enumerable.Range(0, shape.Rank).Select(i => (long)shape[i])];

    private static bool SameShape(long[] stored, Shape shape) => stored.AsSpan().SequenceEqual(Dimensions(shape));
}
