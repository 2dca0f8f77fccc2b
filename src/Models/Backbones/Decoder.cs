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
            _blocks[i] = new DecoderBlock(w["layers"][i], config, config.Windows.Count == 0 ? null : config.Windows[i]);
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
        new(parameters, _config.Layers, sequences, capacity, (_config.KvHeads, _config.HeadWidth), _config.Rotary.SwitchLength is null ? 0 : _config.Hidden);

    /// <summary>Embeddings [N, C] of a batch's tokens.</summary>
    public Tensor Embed(StepScope scope, TokenBatch tokens) => GatherRows.Forward(scope, Embeddings.Value, scope.From(tokens.Ids));

    /// <summary>Final hidden states of embedded tokens.</summary>
    /// <param name="scope">The running step.</param>
    /// <param name="hidden">[N, C] embeddings, with image features in place.</param>
    /// <param name="tokens">Lengths of the sequences.</param>
    /// <param name="cache">Earlier keys and values, or null.</param>
    /// <param name="options">What a family adds.</param>
    /// <returns>[N, C].</returns>
    public Tensor Forward(StepScope scope, Tensor hidden, TokenBatch tokens, KvCache? cache, DecoderOptions options)
    {
        int[] counts = tokens.Lengths;
        int[]? wanted = null;
        if (cache is not null && _config.Rotary.SwitchLength is { } most)
        {
            Tensor given = hidden;
            (hidden, counts, wanted) = Replay(scope, given, counts, cache, most);
            if (wanted is not null)
            {
                scope.Free(given);
            }
        }

        hidden = Blocks(scope, hidden, Step(scope, counts, cache, options), options);
        return _norm.Forward(scope, wanted is null ? hidden : GatherRows.Forward(scope, hidden, scope.From(wanted)));
    }

    /// <summary>
    /// Where a sequence grows over the length from which its angles are others, all that the cache holds of it is worthless: its tokens
    /// are taken once more, from the first on.
    /// </summary>
    /// <returns>What to compute, tokens of it per sequence, and the rows that were asked for; null for all.</returns>
    private static (Tensor Hidden, int[] Counts, int[]? Wanted) Replay(StepScope scope, Tensor hidden, int[] counts, KvCache cache, int most)
    {
        cache.KeepInputs(scope, hidden, counts);
        bool IsReplayed(int b) => counts[b] > 0 && cache.Length(b) > 0 && cache.Length(b) <= most && cache.Length(b) + counts[b] > most;
        if (!Enumerable.Range(0, counts.Length).Any(IsReplayed))
        {
            return (hidden, counts, null);
        }

        var rows = new List<int>();
        var wanted = new List<int>();
        int[] replayed = new int[counts.Length];
        for (int b = 0; b < counts.Length; b++)
        {
            int held = cache.Length(b), first = IsReplayed(b) ? 0 : held;
            replayed[b] = held + counts[b] - first;
            wanted.AddRange(Enumerable.Range(rows.Count + held - first, counts[b]));
            rows.AddRange(Enumerable.Range((b * cache.Capacity) + first, replayed[b]));
            if (first < held)
            {
                cache.Rewind(b);
            }
        }

        return (GatherRows.Forward(scope, cache.Inputs!, scope.From([.. rows])), replayed, [.. wanted]);
    }

    /// <summary>Angles, segments and places of the new tokens.</summary>
    private DecoderStep Step(StepScope scope, int[] counts, KvCache? cache, DecoderOptions options)
    {
        int[] positions = [.. counts.SelectMany((count, b) => Enumerable.Range(cache?.Length(b) ?? 0, count))];
        (Tensor cos, Tensor sin) = options.Angles ?? _config.Rotary.Angles(scope, positions, counts);
        if (cache is null)
        {
            return new DecoderStep(cos, sin, AttentionSegments.Of(counts, causal: true), null, null);
        }

        (int[] rows, AttentionSegments segments) = cache.Reserve(counts);
        return new DecoderStep(cos, sin, segments, cache, scope.From(rows));
    }

    private Tensor Blocks(StepScope scope, Tensor hidden, DecoderStep step, DecoderOptions options)
    {
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

        return hidden;
    }

    /// <summary>Multiply-adds of the blocks for a batch of sequences.</summary>
    public IEnumerable<FlopCount> Flops(int[] lengths) => _blocks.SelectMany(block => block.Flops(lengths));
}

/// <summary>What a family adds to a pass through the decoder.</summary>
/// <param name="Checkpoint">Whether to recompute blocks in the backward pass.</param>
/// <param name="Angles">Cosines and sines [N, D/2] instead of those of one-dimensional positions; or null.</param>
/// <param name="AfterBlock">Given a layer and its output [N, C]: what the next layer reads; or null.</param>
public sealed record DecoderOptions(bool Checkpoint, (Tensor Cos, Tensor Sin)? Angles = null, Func<int, Tensor, Tensor>? AfterBlock = null);
