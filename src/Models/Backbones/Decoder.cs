using Lorikeet.Nn;
using Lorikeet.Nn.Weights;
using Lorikeet.Tensors;
using Lorikeet.Tensors.Ops;
using Lorikeet.Tensors.Storage;

namespace Lorikeet.Models.Backbones;

/// <summary>
/// The decoder of Llama and its descendants (Mistral, Qwen2, Qwen3, Phi-3): pre-norm blocks of grouped-query attention with rotary
/// positions and a gated MLP. What differs between them is in <see cref="DecoderConfig"/>.
/// </summary>
/// <remarks>Source: Touvron et al. 2023; behaviour of transformers' <c>LlamaModel</c> and its descendants.</remarks>
public sealed class Decoder
{
    private readonly DecoderConfig _config;
    private readonly DecoderBlock[] _blocks;
    private readonly Nn.RmsNorm _norm;

    /// <summary>Builds the decoder at a place of the tree.</summary>
    public Decoder(WeightScope w, DecoderConfig config)
    {
        _config = config;
        Embeddings = w["embed_tokens"].Param("weight", new Shape(config.VocabularySize, config.Hidden));
        _blocks = new DecoderBlock[config.Layers];
        for (int i = 0; i < _blocks.Length; i++)
        {
            _blocks[i] = new DecoderBlock(w["layers"][i], config);
        }

        _norm = w["norm"].RmsNorm(config.Hidden, config.NormEps);
    }

    /// <summary>Token embeddings [V, C].</summary>
    public Param Embeddings { get; }

    /// <summary>The head over the final hidden states: the embedding matrix where it is tied, else <c>lm_head</c>.</summary>
    /// <param name="w">The scope that holds <c>lm_head</c>.</param>
    /// <param name="tied">Whether head and embeddings are one matrix.</param>
    public Nn.Linear Head(WeightScope w, bool tied) =>
        tied ? w["lm_head"].Tied(Embeddings) : w["lm_head"].Linear(_config.Hidden, _config.VocabularySize, bias: false);

    /// <summary>An empty cache.</summary>
    public KvCache NewCache(Parameters parameters, int sequences, int capacity) =>
        new(parameters, _config.Layers, sequences, capacity, (_config.KvHeads, _config.HeadWidth));

    /// <summary>Embeddings [N, C] of a batch's tokens.</summary>
    public Tensor Embed(StepScope scope, TokenBatch tokens) => GatherRows.Forward(scope, Embeddings.Value, scope.From(tokens.Ids));

    /// <summary>Final hidden states of embedded tokens.</summary>
    /// <param name="scope">The running step.</param>
    /// <param name="hidden">[N, C] embeddings, with image features in place.</param>
    /// <param name="tokens">Lengths of the sequences.</param>
    /// <param name="cache">Earlier keys and values, or null.</param>
    /// <param name="options">What a family adds.</param>
    /// <returns>[N, C].</returns>
    /// <exception cref="InvalidDataException">A sequence is longer than the model's sliding window.</exception>
    public Tensor Forward(StepScope scope, Tensor hidden, TokenBatch tokens, KvCache? cache, DecoderOptions options)
    {
        (Tensor cos, Tensor sin) = options.Angles ?? _config.Rotary.Angles(scope, tokens.Positions(cache is null ? null : cache.Length));
        DecoderStep step;
        if (cache is null)
        {
            step = new DecoderStep(cos, sin, AttentionSegments.Of(tokens.Lengths, causal: true), null, null);
        }
        else
        {
            (int[] rows, AttentionSegments segments) = cache.Reserve(tokens.Lengths);
            step = new DecoderStep(cos, sin, segments, cache, scope.From(rows));
        }

        RequireInsideWindow(step.Segments);
        for (int i = 0; i < _blocks.Length; i++)
        {
            DecoderBlock block = _blocks[i];
            int layer = i;
            Tensor x = hidden;
            hidden = options.Checkpoint && scope.IsRecording
                ? scope.Checkpoint(inputs => block.Forward(scope, inputs[0], step, layer), block.Trains, x)
                : scope.Frame(() => block.Forward(scope, x, step, layer));
            scope.Free(x);
            hidden = options.AfterBlock?.Invoke(layer, hidden) ?? hidden;
        }

        return _norm.Forward(scope, hidden);
    }

    /// <summary>Multiply-adds of the blocks for a batch of sequences.</summary>
    public IEnumerable<FlopCount> Flops(int[] lengths)
    {
        long N = lengths.Sum(l => (long)l);

        // Scores and mixed values of every visible pair; the causal half only.
        double attention = lengths.Sum(l => (double)l * l / 2) * 2 * _config.Heads * _config.HeadWidth;
        return _blocks.SelectMany(block => block.Flops(N, attention));
    }

    private void RequireInsideWindow(AttentionSegments segments)
    {
        if (_config.SlidingWindow is { } window && segments.Segments.FirstOrDefault(s => s.Keys > window) is { Keys: > 0 } longest)
        {
            throw new InvalidDataException(FormattableString.Invariant(
                $"a sequence has {longest.Keys} tokens, the model's sliding_window is {window}: longer sequences are not supported. Lower data.max_length, or make the pictures smaller."));
        }
    }
}

/// <summary>What a family adds to a pass through the decoder.</summary>
/// <param name="Checkpoint">Whether to recompute blocks in the backward pass.</param>
/// <param name="Angles">Cosines and sines [N, D/2] instead of those of one-dimensional positions; or null.</param>
/// <param name="AfterBlock">Given a layer and its output [N, C]: what the next layer reads; or null.</param>
public sealed record DecoderOptions(bool Checkpoint, (Tensor Cos, Tensor Sin)? Angles = null, Func<int, Tensor, Tensor>? AfterBlock = null);
