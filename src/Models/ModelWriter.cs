using System.Runtime.InteropServices;
using Lorikeet.Nn.Weights;
using Lorikeet.Tensors;
using Lorikeet.Tensors.Storage;

namespace Lorikeet.Models;

/// <summary>Writes a model as a Hugging Face directory: weights under their file names, and every other file of the original.</summary>
public static class ModelWriter
{
    private static readonly string[] SideFiles =
    [
        "config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json",
        "vocab.json", "merges.txt", "qwen.tiktoken", "chat_template.jinja", "chat_template.json", "preprocessor_config.json", "processor_config.json",
        "video_preprocessor_config.json",
    ];

    /// <summary>Writes into an empty directory, usually a staging directory.</summary>
    /// <param name="directory">Where to.</param>
    /// <param name="model">The model.</param>
    /// <param name="dtype">Element type of the weights; null keeps each tensor's own.</param>
    /// <param name="valueOf">Another value for a parameter (a merged weight), or null for its own. Values are made one at a time.</param>
    /// <param name="names">How tensors are called.</param>
    public static void Write(string directory, LoadedModel model, SafeDType? dtype = null, Func<Param, float[]?>? valueOf = null, WeightNames names = WeightNames.Base)
    {
        Directory.CreateDirectory(directory);
        foreach (string file in SideFiles)
        {
            string source = Path.Combine(model.Directory.Path, file);
            bool isSame = Path.GetFullPath(source) == Path.GetFullPath(Path.Combine(directory, file));
            if (File.Exists(source) && !isSame)
            {
                File.Copy(source, Path.Combine(directory, file), overwrite: true);
            }
        }

        Func<string, string> nameOf = ModelCatalog.FileNames(model.Directory, names);
        TensorEntry[] entries = [.. model.Model.Parts.Params.Select(param => Entry(param, nameOf(param.Name), dtype, valueOf))];
        ShardedWeights.Write(directory, entries, new Dictionary<string, string> { ["format"] = "pt" });
    }

    private static TensorEntry Entry(Param param, string name, SafeDType? dtype, Func<Param, float[]?>? valueOf)
    {
        SafeDType stored = dtype ?? param.StoredDType switch
        {
            DType.BF16 => SafeDType.BF16,
            DType.F16 => SafeDType.F16,
            _ => SafeDType.F32,
        };
        long[] shape = [.. Enumerable.Range(0, param.StoredShape.Rank).Select(i => (long)param.StoredShape[i])];
        return new TensorEntry(name, stored, shape, stream =>
        {
            float[]? values = valueOf?.Invoke(param);
            if (values is null && !param.IsTrained && Same(param.Value.DType, stored))
            {
                stream.Write(param.Value.View(new Shape((int)param.Value.Count)).ToBytes());
                return;
            }

            TensorEntry.FromF32(name, shape, values ?? ToF32(param.Value), stored).WriteTo(stream);
        });
    }

    private static bool Same(DType dtype, SafeDType stored) => (dtype, stored) is (DType.F32, SafeDType.F32) or (DType.BF16, SafeDType.BF16) or (DType.F16, SafeDType.F16);

    private static byte[] ToBytes(this Tensor x)
    {
        byte[] bytes = new byte[x.Bytes];
        x.Device.Download(x.Address, bytes);
        return bytes;
    }

    private static float[] ToF32(Tensor x)
    {
        if (x.DType == DType.F32)
        {
            return x.ToHost<float>();
        }

        ushort[] halves = MemoryMarshal.Cast<byte, ushort>(x.ToBytes()).ToArray();
        return Array.ConvertAll(halves, h => x.DType == DType.BF16 ? BitConverter.UInt32BitsToSingle((uint)h << 16) : (float)BitConverter.UInt16BitsToHalf(h));
    }
}

/// <summary>How the tensors of a written model are called.</summary>
public enum WeightNames
{
    /// <summary>As in the files of the directory that the model came from: what reads the base reads this. Without such files, as transformers 5 has them.</summary>
    Base,

    /// <summary>As the first checkpoints of the family, which transformers 4 wrote too.</summary>
    Transformers4,

    /// <summary>As the live modules of transformers 5.</summary>
    Transformers5,
}
