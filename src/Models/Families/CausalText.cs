using Lorikeet.Models.Backbones;
using Lorikeet.Nn;
using Lorikeet.Nn.Weights;
using Lorikeet.Tensors;

namespace Lorikeet.Models.Families;

/// <summary>A text model by itself: a decoder and its head, no pictures.</summary>
/// <remarks>
/// Behaviour of transformers' <c>LlamaForCausalLM</c> and its kin. Checkpoints: Llama-3.x, Mistral, Qwen2/2.5, Qwen3 and Phi-3 of any size.
/// </remarks>
public sealed class CausalText : VisionLanguageModel
{
    private readonly Decoder _text;

    /// <summary>Builds the model.</summary>
    /// <param name="w">Root of the weights.</param>
    /// <param name="config">config.json.</param>
    /// <param name="files">Files to close with the model, or null.</param>
    public CausalText(WeightScope w, ConfigSection config, IDisposable? files)
        : base(w.Parts, files)
    {
        _text = new Decoder(w["model"], DecoderConfig.From(config));
        LmHead = _text.Head(w, config.Bool("tie_word_embeddings", false));
    }

    /// <inheritdoc/>
    public override Nn.Linear LmHead { get; }

    /// <inheritdoc/>
    public override IReadOnlyDictionary<Tower, string> Towers { get; } = new Dictionary<Tower, string> { [Tower.Language] = "model" };

    /// <inheritdoc/>
    public override KvCache NewCache(Parameters parameters, int sequences, int capacity) => _text.NewCache(parameters, sequences, capacity);

    /// <inheritdoc/>
    public override Tensor Hidden(StepScope scope, ModelInput input, KvCache? cache = null)
    {
        Tensor hidden = _text.Embed(scope, input.Tokens);
        scope.RowKeys = RowKeys(scope, input.Tokens.Keys);
        return _text.Forward(scope, hidden, input.Tokens, cache, new DecoderOptions(GradientCheckpointing));
    }

    /// <inheritdoc/>
    public override IReadOnlyList<FlopCount> Flops(ModelInput input) =>
        [.. _text.Flops(input.Tokens.Lengths), FlopCount.Of(LmHead, input.Tokens.Supervised().Rows.Length)];
}
