using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Lorikeet.Models;
using Lorikeet.Nn.Weights;

namespace Lorikeet.Training;

/// <summary>
/// The contract an adapter carries: which base it was trained on and how pictures and text were prepared. It lies beside the
/// PEFT files, which stay as PEFT writes them. An adapter of PEFT's own has none and is checked by shapes alone.
/// </summary>
/// <param name="ModelType">Model type of config.json.</param>
/// <param name="ConfigSha256">Hash of config.json's bytes.</param>
/// <param name="WeightsSha256">
/// Hash over the names, types and shapes of all tensors and their contents: all of it up to 256 MiB, beyond that blocks spread over each tensor.
/// </param>
/// <param name="ProcessorSha256">Hash of the processor's settings files.</param>
/// <param name="TemplateSha256">Hash of the chat template.</param>
public sealed record BaseIdentity(string ModelType, string ConfigSha256, string WeightsSha256, string ProcessorSha256, string TemplateSha256)
{
    /// <summary>Name of the file in an adapter directory.</summary>
    public const string FileName = "lorikeet_base.json";

    private const long WholeUpTo = 256L << 20;
    private const int BlockBytes = 4096;
    private const int BlocksPerTensor = 16;

    private static readonly string[] SettingsFiles = ["preprocessor_config.json", "processor_config.json", "video_preprocessor_config.json"];
    private static readonly JsonSerializerOptions Json = new() { WriteIndented = true, PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower };

    /// <summary>The identity of a loaded model.</summary>
    public static BaseIdentity Of(LoadedModel model)
    {
        string At(string name) => Path.Combine(model.Directory.Path, name);
        return new BaseIdentity(
            model.Directory.ModelType,
            Hash(File.ReadAllBytes(At("config.json"))),
            WeightsHash(model.Directory),
            ProcessorHash(model.Directory),
            Hash(Encoding.UTF8.GetBytes(model.Processor.Template.Source)));
    }

    /// <summary>Hash of the files that say how pictures and videos are prepared.</summary>
    internal static string ProcessorHash(ModelDirectory directory) =>
        Hash([.. SettingsFiles.Select(name => Path.Combine(directory.Path, name)).Where(File.Exists).SelectMany(File.ReadAllBytes)]);

    /// <summary>The contract in an adapter directory, or null.</summary>
    public static BaseIdentity? Read(string adapterDirectory)
    {
        string path = Path.Combine(adapterDirectory, FileName);
        if (!File.Exists(path))
        {
            return null;
        }

        try
        {
            BaseIdentity? made = JsonSerializer.Deserialize<BaseIdentity>(File.ReadAllText(path), Json);
            return made is { ModelType: not null, WeightsSha256.Length: 64 }
                ? made
                : throw new InvalidDataException($"{path}: expected model_type and weights_sha256 of 64 digits. Fetch the adapter again, or delete the file to check the base by shapes alone.");
        }
        catch (JsonException e)
        {
            throw new InvalidDataException($"{path}: {e.Message}", e);
        }
    }

    /// <summary>Writes the contract.</summary>
    public void Save(string adapterDirectory) => AtomicFile.WriteText(Path.Combine(adapterDirectory, FileName), JsonSerializer.Serialize(this, Json) + "\n");

    /// <summary>Throws where an adapter was made for another base; differences in preparation are returned as notes.</summary>
    /// <param name="adapterDirectory">The adapter.</param>
    /// <param name="model">The base it is to be used with.</param>
    /// <exception cref="InvalidDataException">The base's weights are not those the adapter was trained on.</exception>
    public static IReadOnlyList<string> Require(string adapterDirectory, LoadedModel model)
    {
        if (Read(adapterDirectory) is not { } made)
        {
            return [];
        }

        BaseIdentity now = Of(model);
        if (made.ModelType != now.ModelType || made.WeightsSha256 != now.WeightsSha256)
        {
            throw new InvalidDataException($"{adapterDirectory}: the adapter was trained on another base (model type {made.ModelType}, weights {made.WeightsSha256[..12]}); {model.Directory.Path} is {now.ModelType}, weights {now.WeightsSha256[..12]}");
        }

        var notes = new List<string>();
        if (made.ProcessorSha256 != now.ProcessorSha256)
        {
            notes.Add("the base's picture settings have changed since the adapter was trained");
        }

        if (made.TemplateSha256 != now.TemplateSha256)
        {
            notes.Add("the base's chat template has changed since the adapter was trained");
        }

        return notes;
    }

    /// <summary>What differs from another identity, in words; empty where nothing does.</summary>
    internal IReadOnlyList<string> Differences(BaseIdentity other)
    {
        (string What, string Mine, string Theirs)[] parts =
        [
            ("model type", ModelType, other.ModelType),
            ("weights", WeightsSha256, other.WeightsSha256),
            ("config.json", ConfigSha256, other.ConfigSha256),
            ("picture settings", ProcessorSha256, other.ProcessorSha256),
            ("chat template", TemplateSha256, other.TemplateSha256),
        ];
        return [.. parts.Where(p => p.Mine != p.Theirs).Select(p => p.What)];
    }

    private static string WeightsHash(ModelDirectory directory)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        using WeightSet files = directory.OpenWeights();
        bool isWhole = files.ByteLength <= WholeUpTo;
        foreach (TensorInfo info in files.Tensors.Values.OrderBy(t => t.Name, StringComparer.Ordinal))
        {
            hash.AppendData(Encoding.UTF8.GetBytes($"{info.Name} {info.Describe()}\n"));
            Append(hash, files.FileOf(info.Name), info, isWhole);
        }

        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    private static void Append(IncrementalHash hash, SafeTensorsFile file, TensorInfo info, bool isWhole)
    {
        long length = info.ByteLength;
        if (isWhole || length <= BlockBytes * BlocksPerTensor)
        {
            hash.AppendData(file.Bytes(info.Name));
            return;
        }

        for (int i = 0; i < BlocksPerTensor; i++)
        {
            long at = (length - BlockBytes) / (BlocksPerTensor - 1) * i;
            hash.AppendData(file.Bytes(info.Name, i == BlocksPerTensor - 1 ? length - BlockBytes : at, BlockBytes));
        }
    }

    private static string Hash(byte[] bytes) => Convert.ToHexStringLower(SHA256.HashData(bytes));
}
