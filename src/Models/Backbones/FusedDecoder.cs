using Lorikeet.Nn;
using Lorikeet.Tensors;
using Lorikeet.Tensors.Ops;

namespace Lorikeet.Models.Backbones;

/// <summary>
/// A decoder whose blocks have one matrix for queries, keys and values. The family builds the blocks' layers under its own names; the
/// pass over them, the cache and the attention are here.
/// </summary>
/// <param name="blocks">Layers of each block.</param>
/// <param name="heads">Query heads, key and value heads, width of a head.</param>
/// <param name="norm">Behind the last block.</param>
internal sealed class FusedDecoder(IReadOnlyList<FusedBlock> blocks, FusedHeads heads, INorm norm)
{
    /// <summary>An empty cache.</summary>
    public KvCache NewCache(Parameters parameters, int sequences, int capacity) =>
        new(parameters, blocks.Count, sequences, capacity, (heads.KeyValue, heads.Width));

    /// <summary>Final hidden states of embedded tokens.</summary>
    /// <param name="scope">The running step.</param>
    /// <param name="hidden">[N, C] embeddings, with image features in place.</param>
    /// <param name="tokens">Lengths of the sequences.</param>
    /// <param name="cache">Earlier keys and values, or null.</param>
    /// <param name="options">Angles and what a family adds.</param>
    /// <returns>[N, C].</returns>
    public Tensor Forward(StepScope scope, Tensor hidden, TokenBatch tokens, KvCache? cache, FusedOptions options)
    {
        AttentionSegments segments;
        Tensor? rows = null;
        if (cache is null)
        {
            segments = AttentionSegments.Of(tokens.Lengths, causal: true);
        }
        else
        {
            (int[] reserved, segments) = cache.Reserve(tokens.Lengths);
            rows = scope.From(reserved);
        }

        for (int i = 0; i < blocks.Count; i++)
        {
            FusedBlock block = blocks[i];
            int layer = i;
            Tensor x = hidden;
            Tensor Run(Tensor input) => Block(scope, block, input, (segments, options), (cache, layer, rows));
            hidden = options.Checkpoint && scope.IsRecording ? scope.Checkpoint(inputs => Run(inputs[0]), block.Trains, x) : scope.Frame(() => Run(x));
            scope.Free(x);
        }

        return norm.Forward(scope, hidden);
    }

    /// <summary>Multiply-adds of the blocks for a batch of sequences.</summary>
    public IEnumerable<FlopCount> Flops(int[] lengths)
    {
        long N = lengths.Sum(l => (long)l);

        // Scores and mixed values of every visible pair; the causal half only.
        double attention = lengths.Sum(l => (double)l * l / 2) * 2 * heads.Query * heads.Width;
        return blocks.SelectMany(block => (IEnumerable<FlopCount>)
        [
            FlopCount.Of(block.Qkv, N), new FlopCount(block.Qkv.Path + ".attention", N, attention, null), FlopCount.Of(block.Out, N),
            .. block.Mlp.Linears.Select((l, i) => FlopCount.Of(l, N, sharesInput: i > 0 && i < block.Mlp.Linears.Count - 1)),
        ]);
    }

    private Tensor Block(
        StepScope scope, FusedBlock block, Tensor x, (AttentionSegments Segments, FusedOptions Options) step, (KvCache? Cache, int Layer, Tensor? Rows) cache)
    {
        Tensor Around(INorm around, Tensor input, Func<Tensor, Tensor> body) => scope.Frame(() =>
            block.NormAfter ? around.Forward(scope, body(input)) : body(around.Forward(scope, input)));
        Tensor h = Add.Forward(scope, x, Around(block.AttentionNorm, x, input => Attend(scope, block, input, step, cache)));
        return Add.Forward(scope, h, Around(block.MlpNorm, h, input => block.Mlp.Forward(scope, input)));
    }

    private Tensor Attend(
        StepScope scope, FusedBlock block, Tensor x, (AttentionSegments Segments, FusedOptions Options) step, (KvCache? Cache, int Layer, Tensor? Rows) cache)
    {
        int N = x.Shape[0], D = heads.Width;
        Tensor all = block.Qkv.Forward(scope, x);
        Tensor q = Columns.Forward(scope, all, 0, heads.Query * D);
        Tensor k = Columns.Forward(scope, all, heads.Query * D, heads.KeyValue * D);
        Tensor v = Reshape.Forward(scope, Columns.Forward(scope, all, (heads.Query + heads.KeyValue) * D, heads.KeyValue * D), new Shape(N, heads.KeyValue, D));
        q = block.QueryNorm?.Forward(scope, q) ?? q;
        k = block.KeyNorm?.Forward(scope, k) ?? k;
        q = step.Options.QueryFactors is { } factors ? ScaleRows.Forward(scope, q, factors) : q;
        (Tensor cos, Tensor sin) = step.Options.Angles;
        q = Rope.Forward(scope, RopePairing.HalfSplit, Reshape.Forward(scope, q, new Shape(N, heads.Query, D)), cos, sin);
        k = Rope.Forward(scope, RopePairing.HalfSplit, Reshape.Forward(scope, k, new Shape(N, heads.KeyValue, D)), cos, sin);
        if (cache.Cache is not null)
        {
            cache.Cache.Write(scope, cache.Layer, cache.Rows!, k, v);
            (k, v) = (cache.Cache.Keys(cache.Layer), cache.Cache.Values(cache.Layer));
        }

        Tensor y = Tensors.Ops.Attention.Forward(scope, q, k, v, step.Segments, new AttentionOptions(1f / MathF.Sqrt(D)));
        return block.Out.Forward(scope, Reshape.Forward(scope, y, new Shape(N, heads.Query * D)));
    }
}

/// <summary>Heads of a <see cref="FusedDecoder"/>.</summary>
/// <param name="Query">H.</param>
/// <param name="KeyValue">K, dividing H.</param>
/// <param name="Width">D.</param>
internal readonly record struct FusedHeads(int Query, int KeyValue, int Width);

/// <summary>Layers of one block of a <see cref="FusedDecoder"/>.</summary>
/// <param name="AttentionNorm">Of the attention.</param>
/// <param name="MlpNorm">Of the MLP.</param>
/// <param name="Qkv">[(H + 2K) D, C]: rows of queries, then keys, then values.</param>
/// <param name="Out">[C, H D].</param>
/// <param name="Mlp">The MLP.</param>
internal sealed record FusedBlock(INorm AttentionNorm, INorm MlpNorm, Nn.Linear Qkv, Nn.Linear Out, IMlp Mlp)
{
    /// <summary>Over all queries of a token together, or null.</summary>
    public INorm? QueryNorm { get; init; }

    /// <summary>Over all keys of a token together, or null.</summary>
    public INorm? KeyNorm { get; init; }

    /// <summary>Whether the norms stand behind attention and MLP instead of before them.</summary>
    public bool NormAfter { get; init; }

    /// <summary>Whether anything here is trained.</summary>
    public bool Trains =>
        Mlp.Linears.Append(Qkv).Append(Out).Any(l => l.Trains)
        || new[] { AttentionNorm, MlpNorm, QueryNorm, KeyNorm }.Any(n => n is { Trains: true });
}

/// <summary>One pass through a <see cref="FusedDecoder"/>.</summary>
/// <param name="Angles">Cosines and sines [N, D/2].</param>
/// <param name="Checkpoint">Whether to recompute blocks in the backward pass.</param>
/// <param name="QueryFactors">[N] factors of the queries, or null.</param>
internal sealed record FusedOptions((Tensor Cos, Tensor Sin) Angles, bool Checkpoint, Tensor? QueryFactors = null);
