using Lorikeet.Nn;
using Lorikeet.Nn.Weights;
using Lorikeet.Tensors;

namespace Lorikeet.Models;

/// <summary>A loaded model: what training, generation and export need to know of any family.</summary>
public abstract class VisionLanguageModel : IDisposable
{
    /// <summary>Takes ownership of the weights' files.</summary>
    protected VisionLanguageModel(ModelParts parts, IDisposable? files)
    {
        Parts = parts;
        _files = files;
    }

    private readonly IDisposable? _files;

    /// <summary>All named tensors and linear layers.</summary>
    public ModelParts Parts { get; }

    /// <summary>The head [V, C]; its logits are next-token scores.</summary>
    public abstract Linear LmHead { get; }

    /// <summary>Number of logits V.</summary>
    public int VocabularySize => LmHead.Weight.Out;

    /// <summary>The parts that are frozen or trained by name: vision, connector, language; each a module path.</summary>
    public abstract IReadOnlyDictionary<Tower, string> Towers { get; }

    /// <summary>What belongs to a tower but lies outside of its path: modules without layers to adapt (embeddings, a last norm), single parameters.</summary>
    protected virtual IReadOnlyList<KeyValuePair<Tower, string>> Outlying => [];

    /// <summary>Whether blocks are computed again in the backward pass instead of keeping their activations.</summary>
    public bool GradientCheckpointing { get; set; }

    /// <summary>Sees named intermediate values (vision features and the like) as they are computed; for comparisons.</summary>
    public Action<string, Tensor>? Observer { get; set; }

    /// <summary>Told when the image features of a batch are computed; for measurements.</summary>
    public Action? VisionDone { get; set; }

    /// <summary>Final hidden states [N, C] of all tokens; with a cache, of the new tokens.</summary>
    /// <exception cref="InvalidDataException">Image tokens and image features differ in number.</exception>
    public abstract Tensor Hidden(StepScope scope, ModelInput input, KvCache? cache = null);

    /// <summary>An empty cache.</summary>
    public abstract KvCache NewCache(Parameters parameters, int sequences, int capacity);

    /// <summary>Multiply-adds of the model's matrices for a batch, by tower; see <see cref="FlopCount"/>.</summary>
    public abstract IReadOnlyList<FlopCount> Flops(ModelInput input);

    /// <summary>Which tower a module or a parameter belongs to: what lies outside of all of them is the head.</summary>
    /// <param name="path">A module's path, or a parameter's name.</param>
    public Tower TowerOf(string path)
    {
        foreach ((Tower tower, string prefix) in Towers.Concat(Outlying))
        {
            if (path.StartsWith(prefix + ".", StringComparison.Ordinal) || path == prefix)
            {
                return tower;
            }
        }

        return Tower.Head;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _files?.Dispose();
        GC.SuppressFinalize(this);
    }

    /// <summary>Random keys of rows as a tensor I64 [N], or null where there are none.</summary>
    protected static Tensor? RowKeys(StepScope scope, long[] keys) =>
        keys.Length == 0 ? null : scope.From<long>(keys, new Shape(keys.Length), DType.I64);

    /// <summary>The places of image tokens; throws unless every sequence has as many of them as image feature rows.</summary>
    protected static int[] ImageRows(ModelInput input, int imageTokenId) => ImageRows(input, id => id == imageTokenId);

    /// <summary>The places of image tokens; throws unless every sequence has as many of them as image feature rows.</summary>
    /// <param name="input">The batch.</param>
    /// <param name="isPlace">Whether a token is one.</param>
    protected static int[] ImageRows(ModelInput input, Func<int, bool> isPlace)
    {
        if (input.IsReply)
        {
            return [];
        }

        var rows = new List<int>();
        int n = 0;
        for (int b = 0; b < input.Tokens.Sequences; b++)
        {
            int before = rows.Count;
            for (int i = 0; i < input.Tokens.Lengths[b]; i++, n++)
            {
                if (isPlace(input.Tokens.Ids[n]))
                {
                    rows.Add(n);
                }
            }

            int features = input.Vision?.FeatureRows[b] ?? 0;
            if (rows.Count - before != features)
            {
                throw new InvalidDataException($"sequence {b} has {rows.Count - before} image tokens but {features} image features");
            }
        }

        return [.. rows];
    }
}

/// <summary>Parts of a vision-language model.</summary>
public enum Tower
{
    /// <summary>The vision tower.</summary>
    Vision,

    /// <summary>What joins vision and language.</summary>
    Connector,

    /// <summary>The language model without its head.</summary>
    Language,

    /// <summary>The language-model head.</summary>
    Head,
}

/// <summary>Matrix work of one part of a model for one batch.</summary>
/// <param name="Path">Module path of a linear layer, or a name for work without weights (attention).</param>
/// <param name="Rows">Rows that are multiplied.</param>
/// <param name="MultiplyAdds">Multiply-adds of the forward pass.</param>
/// <param name="Layer">The linear layer, or null for products of activations, whose backward pass costs twice the forward.</param>
/// <param name="SharesInput">Whether it reads the same input as the entry before it. Entries stand in the order of the forward pass.</param>
public sealed record FlopCount(string Path, long Rows, double MultiplyAdds, Linear? Layer, bool SharesInput = false)
{
    /// <summary>The work of a linear layer on a number of rows.</summary>
    public static FlopCount Of(Linear layer, long rows, bool sharesInput = false)
    {
        ArgumentNullException.ThrowIfNull(layer);
        return new FlopCount(layer.Path, rows, (double)rows * layer.Weight.In * layer.Weight.Out, layer, sharesInput);
    }
}
