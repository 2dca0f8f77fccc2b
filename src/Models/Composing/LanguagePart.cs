using System.Text.Json.Nodes;
using Lorikeet.Nn.Weights;

namespace Lorikeet.Models.Composing;

/// <summary>The text model of a composition: its configuration and its tensors, with rows for a new token where they lack them.</summary>
internal sealed class LanguagePart
{
    /// <summary>Matrices of tokens grow to a multiple of this.</summary>
    private const int RowMultiple = 64;

    private const string EmbeddingName = "model.embed_tokens.weight", HeadName = "lm_head.weight";

    private readonly int _rows;

    /// <summary>Reads a text model's configuration.</summary>
    /// <param name="directory">Its directory.</param>
    /// <param name="imageTokenId">Id of the token that stands for a picture.</param>
    /// <exception cref="InvalidDataException">It is no text model, or its configuration is unusable.</exception>
    public LanguagePart(ModelDirectory directory, int imageTokenId)
    {
        Directory = directory;
        RequireText(directory);
        Width = directory.Config.Int("hidden_size");
        _rows = directory.Config.Int("vocab_size");
        AddedRows = imageTokenId < _rows ? 0 : ((imageTokenId + RowMultiple) / RowMultiple * RowMultiple) - _rows;
    }

    public ModelDirectory Directory { get; }

    public int Width { get; }

    /// <summary>Rows that the embeddings lack.</summary>
    public int AddedRows { get; }

    public bool IsTied => Directory.Config.Bool("tie_word_embeddings", false);

    /// <exception cref="InvalidDataException">A directory holds no text model.</exception>
    public static void RequireText(ModelDirectory directory)
    {
        if (!Backbones.DecoderConfig.ModelTypes.Contains(directory.ModelType))
        {
            throw directory.Config.Wrong("model_type", "a text model: " + string.Join(", ", Backbones.DecoderConfig.ModelTypes));
        }
    }

    public static SafeDType StoredAs(WeightSet files) => files.Info(EmbeddingName).DType;

    public JsonNode Config()
    {
        JsonNode config = JsonNode.Parse(Directory.Config.Json.GetRawText())!;
        config["vocab_size"] = _rows + AddedRows;
        config["tie_word_embeddings"] = IsTied;
        return config;
    }

    /// <summary>All tensors under the names that they have in the text model's own directory.</summary>
    public IEnumerable<TensorEntry> Tensors(WeightSet files) => files.Tensors.Keys.Order(StringComparer.Ordinal)
        .Where(name => !(IsTied && name == HeadName) && !name.EndsWith("rotary_emb.inv_freq", StringComparison.Ordinal))
        .Select(name => AddedRows > 0 && name is EmbeddingName or HeadName ? Longer(files, name) : TensorEntry.Copy(files.FileOf(name), name));

    /// <summary>A matrix of token rows with new ones, each the mean of the old.</summary>
    private TensorEntry Longer(WeightSet files, string name)
    {
        TensorInfo info = files.Info(name);
        return new TensorEntry(name, info.DType, [info.Shape[0] + AddedRows, info.Shape[1]], stream =>
        {
            files.FileOf(name).CopyTo(name, stream);
            float[] values = files.ReadF32(name), rows = new float[AddedRows * Width];
            double[] mean = new double[Width];
            for (int i = 0; i < values.Length; i++)
            {
                mean[i % Width] += values[i];
            }

            for (int i = 0; i < rows.Length; i++)
            {
                rows[i] = (float)(mean[i % Width] / info.Shape[0]);
            }

            TensorEntry.FromF32(name, [AddedRows, Width], rows, info.DType).WriteTo(stream);
        });
    }
}
