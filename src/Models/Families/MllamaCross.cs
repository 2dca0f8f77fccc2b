using Lorikeet.Models.Backbones;
using Lorikeet.Nn;
using Lorikeet.Nn.Weights;
using Lorikeet.Tensors;
using Lorikeet.Tensors.Ops;
using Lorikeet.Tensors.Storage;

namespace Lorikeet.Models.Families;

/// <summary>A run of tokens of one sequence and the rows of its picture features that they see.</summary>
/// <param name="Sequence">The sequence.</param>
/// <param name="QueryStart">First token in the batch.</param>
/// <param name="Queries">Number of tokens.</param>
/// <param name="KeyStart">First row among the sequence's own.</param>
/// <param name="Keys">Number of rows.</param>
internal readonly record struct CrossRun(int Sequence, int QueryStart, int Queries, int KeyStart, int Keys);

/// <summary>What the cross-attention layers of one pass share.</summary>
/// <param name="Runs">Which tokens see what, in rising order of tokens.</param>
/// <param name="Sees">F32 [N]: 1 for tokens that may see a picture, else 0.</param>
/// <param name="Features">Picture features [M, C], sequence after sequence; null where they are in the cache.</param>
/// <param name="Starts">First feature row of each sequence [B].</param>
/// <param name="Rows">Feature rows of each sequence [B].</param>
/// <param name="FeatureKeys">Random keys of the features, or null.</param>
/// <param name="Cache">Keys and values of features seen before, or null.</param>
internal sealed record CrossStep(IReadOnlyList<CrossRun> Runs, Tensor Sees, Tensor? Features, int[] Starts, int[] Rows, Tensor? FeatureKeys, CrossCache? Cache);

/// <summary>
/// One block that lets tokens look at pictures: x + tanh(g1) attention(norm(x), features), then + tanh(g2) mlp(norm(...)). Tokens that
/// may see no picture have no MLP.
/// </summary>
internal sealed class MllamaCrossBlock
{
    private readonly DecoderConfig _config;
    private readonly Nn.RmsNorm _inputNorm, _postNorm, _qNorm, _kNorm;
    private readonly Nn.Linear _q, _k, _v, _o;
    private readonly GatedMlp _mlp;
    private readonly Param _attentionGate, _mlpGate;
    private readonly string _path;

    public MllamaCrossBlock(WeightScope w, DecoderConfig c)
    {
        _config = c;
        WeightScope a = w["cross_attn"], m = w["mlp"];
        _path = a.Path;
        _inputNorm = w["input_layernorm"].RmsNorm(c.Hidden, c.NormEps);
        _postNorm = w["post_attention_layernorm"].RmsNorm(c.Hidden, c.NormEps);
        _q = a["q_proj"].Linear(c.Hidden, c.Heads * c.HeadWidth, bias: false);
        _k = a["k_proj"].Linear(c.Hidden, c.KvHeads * c.HeadWidth, bias: false);
        _v = a["v_proj"].Linear(c.Hidden, c.KvHeads * c.HeadWidth, bias: false);
        _o = a["o_proj"].Linear(c.Heads * c.HeadWidth, c.Hidden, bias: false);
        _qNorm = a["q_norm"].RmsNorm(c.HeadWidth, c.NormEps);
        _kNorm = a["k_norm"].RmsNorm(c.HeadWidth, c.NormEps);
        _mlp = new GatedMlp(
            m["gate_proj"].Linear(c.Hidden, c.MlpWidth, bias: false),
            m["up_proj"].Linear(c.Hidden, c.MlpWidth, bias: false),
            m["down_proj"].Linear(c.MlpWidth, c.Hidden, bias: false),
            c.Activation);
        _attentionGate = w.Param("cross_attn_attn_gate", new Shape(1));
        _mlpGate = w.Param("cross_attn_mlp_gate", new Shape(1));
    }

    public bool Trains => new[] { _q, _k, _v, _o, _mlp.Gate, _mlp.Up, _mlp.Down }.Any(l => l.Trains)
        || new[] { _inputNorm.Weight, _postNorm.Weight, _qNorm.Weight, _kNorm.Weight, _attentionGate, _mlpGate }.Any(p => p.IsTrained);

    /// <summary>Multiply-adds.</summary>
    /// <param name="N">Tokens.</param>
    /// <param name="M">Feature rows.</param>
    /// <param name="pairs">Tokens times rows that they see.</param>
    public IEnumerable<FlopCount> Flops(long N, long M, double pairs) =>
    [
        FlopCount.Of(_q, N), FlopCount.Of(_k, M), FlopCount.Of(_v, M, sharesInput: true),
        new FlopCount(_path, N, pairs * 2 * _config.Heads * _config.HeadWidth, null), FlopCount.Of(_o, N),
        FlopCount.Of(_mlp.Gate, N), FlopCount.Of(_mlp.Up, N, sharesInput: true), FlopCount.Of(_mlp.Down, N),
    ];

    /// <summary>The block on x [N, C].</summary>
    /// <param name="scope">The running step.</param>
    /// <param name="x">[N, C].</param>
    /// <param name="features">Those of the step, as an input of the block; or null.</param>
    /// <param name="step">What the blocks share.</param>
    /// <param name="layer">Number among the cross-attention layers.</param>
    public Tensor Forward(StepScope scope, Tensor x, Tensor? features, CrossStep step, int layer)
    {
        Tensor h = Add.Forward(scope, x, scope.Frame(() =>
            TanhGate.Forward(scope, Attend(scope, _inputNorm.Forward(scope, x), features, step, layer), _attentionGate.Value)));
        return Add.Forward(scope, h, scope.Frame(() =>
            TanhGate.Forward(scope, ScaleRows.Forward(scope, _mlp.Forward(scope, _postNorm.Forward(scope, h)), step.Sees), _mlpGate.Value)));
    }

    private Tensor Attend(StepScope scope, Tensor x, Tensor? features, CrossStep step, int layer)
    {
        Tensor q = Heads(scope, _q.Forward(scope, x), _config.Heads, _qNorm);
        Tensor y;
        if (features is null)
        {
            y = FromCache(scope, q, step, layer);
        }
        else
        {
            Tensor? outer = scope.RowKeys;
            scope.RowKeys = step.FeatureKeys;
            Tensor k = Heads(scope, _k.Forward(scope, features), _config.KvHeads, _kNorm);
            Tensor v = Heads(scope, _v.Forward(scope, features), _config.KvHeads, null);
            scope.RowKeys = outer;
            step.Cache?.Store(scope, layer, k, v, step);
            AttentionSegment[] segments = [.. step.Runs.Select(r => new AttentionSegment(r.QueryStart, r.Queries, step.Starts[r.Sequence] + r.KeyStart, r.Keys))];
            y = Tensors.Ops.Attention.Forward(scope, q, k, v, new AttentionSegments(segments, causal: false), Options);
        }

        return _o.Forward(scope, Reshape.Forward(scope, y, new Shape(x.Shape[0], _config.Heads * _config.HeadWidth)));
    }

    private AttentionOptions Options => new(1f / MathF.Sqrt(_config.HeadWidth));

    /// <summary>Each sequence has features of its own length, so each is computed by itself.</summary>
    private Tensor FromCache(StepScope scope, Tensor q, CrossStep step, int layer)
    {
        Tensor y = scope.Zeros(q.Shape);
        foreach (CrossRun run in step.Runs)
        {
            (Tensor k, Tensor v) = step.Cache!.Features(layer, run.Sequence);
            var segment = new AttentionSegments([new AttentionSegment(0, run.Queries, run.KeyStart, run.Keys)], causal: false);
            scope.Frame(() => scope.Kernels.Copy(
                Tensors.Ops.Attention.Forward(scope, q.Slice(run.QueryStart, run.Queries), k, v, segment, Options),
                y.Slice(run.QueryStart, run.Queries)));
        }

        return y;
    }

    private Tensor Heads(StepScope scope, Tensor x, int heads, Nn.RmsNorm? norm)
    {
        int N = x.Shape[0], D = _config.HeadWidth;
        x = norm is null ? x : norm.Forward(scope, Reshape.Forward(scope, x, new Shape(N * heads, D)));
        return Reshape.Forward(scope, x, new Shape(N, heads, D));
    }
}

/// <summary>A cache that also holds, per sequence, keys and values of its pictures for the cross-attention layers.</summary>
internal sealed class CrossCache(Parameters parameters, (int Self, int Cross) layers, int sequences, int capacity, (int Count, int Width) heads)
    : KvCache(parameters, layers.Self, sequences, capacity, heads)
{
    private readonly (Tensor Keys, Tensor Values)?[,] _features = new (Tensor, Tensor)?[layers.Cross, sequences];
    private readonly (int Start, int Count)[] _visible = new (int, int)[sequences];
    private readonly Parameters _parameters = parameters;

    /// <summary>The feature rows that a sequence's next tokens see: start and count, which is 0 where it has no pictures.</summary>
    public (int Start, int Count) Visible(int sequence) => _visible[sequence];

    /// <summary>Sets what <see cref="Visible"/> returns.</summary>
    public void SetVisible(int sequence, int start, int count) => _visible[sequence] = (start, count);

    /// <summary>Keys and values [M, K, D] of a sequence's pictures.</summary>
    public (Tensor Keys, Tensor Values) Features(int layer, int sequence) => _features[layer, sequence]!.Value;

    /// <summary>Keeps the keys and values of a layer for the sequences of a pass.</summary>
    public void Store(StepScope scope, int layer, Tensor k, Tensor v, CrossStep step)
    {
        for (int b = 0; b < step.Rows.Length; b++)
        {
            if (step.Rows[b] > 0)
            {
                Free(layer, b);
                _features[layer, b] = (Keep(scope, k.Slice(step.Starts[b], step.Rows[b])), Keep(scope, v.Slice(step.Starts[b], step.Rows[b])));
            }
        }
    }

    /// <inheritdoc/>
    public override void Clear(int sequence)
    {
        base.Clear(sequence);
        _visible[sequence] = default;
        for (int layer = 0; layer < _features.GetLength(0); layer++)
        {
            Free(layer, sequence);
        }
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        Clear();
        base.Dispose(disposing);
    }

    private Tensor Keep(StepScope scope, Tensor x)
    {
        Tensor kept = _parameters.New(x.Shape, x.DType, MemoryUse.Activations);
        scope.Kernels.Copy(x, kept);
        return kept;
    }

    private void Free(int layer, int sequence)
    {
        if (_features[layer, sequence] is { } pair)
        {
            Parameters.Free(pair.Keys);
            Parameters.Free(pair.Values);
            _features[layer, sequence] = null;
        }
    }
}
