using Lorikeet.Nn;
using Lorikeet.Nn.Weights;
using Lorikeet.Tensors;
using Lorikeet.Tensors.Ops;

namespace Lorikeet.Models.Backbones;

/// <summary>What the blocks of one pass share.</summary>
/// <param name="Cos">[N, D/2].</param>
/// <param name="Sin">[N, D/2].</param>
/// <param name="Segments">Which token sees which.</param>
/// <param name="Cache">Earlier keys and values, or null.</param>
/// <param name="CacheRows">I32 [N], where the new ones go; with a cache.</param>
internal sealed record DecoderStep(Tensor Cos, Tensor Sin, AttentionSegments Segments, KvCache? Cache, Tensor? CacheRows);

/// <summary>One block: x + attention(norm(x)), then + mlp(norm(...)).</summary>
internal sealed class DecoderBlock
{
    private readonly DecoderConfig _config;
    private readonly Nn.RmsNorm _inputNorm, _postNorm;
    private readonly IQkv _qkv;
    private readonly Nn.Linear _o;
    private readonly IMlp _mlp;
    private readonly string _path;
    private readonly int? _window;
    private readonly ModelSubtree _all;

    /// <summary>Builds the block.</summary>
    /// <param name="w">Its place.</param>
    /// <param name="c">Sizes.</param>
    /// <param name="window">Tokens that a token sees, or null for all before it.</param>
    public DecoderBlock(WeightScope w, DecoderConfig c, int? window = null)
    {
        (_config, _window, _all) = (c, window, w.Subtree);
        _inputNorm = w["input_layernorm"].RmsNorm(c.Hidden, c.NormEps);
        _postNorm = w["post_attention_layernorm"].RmsNorm(c.Hidden, c.NormEps);
        WeightScope a = w["self_attn"], m = w["mlp"];
        _path = a.Path;
        _qkv = c.FusedProjections ? new FusedQkv(a, c) : new SeparateQkv(a, c);
        _o = a["o_proj"].Linear(c.Heads * c.HeadWidth, c.Hidden, c.OutputBias);
        Nn.Linear down;
        if (c.FusedProjections)
        {
            Nn.Linear gateUp = m["gate_up_proj"].Linear(c.Hidden, 2 * c.MlpWidth, c.MlpBias);
            down = m["down_proj"].Linear(c.MlpWidth, c.Hidden, c.MlpBias);
            _mlp = new FusedGatedMlp(gateUp, down, c.Activation);
        }
        else
        {
            Nn.Linear gate = m["gate_proj"].Linear(c.Hidden, c.MlpWidth, c.MlpBias), up = m["up_proj"].Linear(c.Hidden, c.MlpWidth, c.MlpBias);
            down = m["down_proj"].Linear(c.MlpWidth, c.Hidden, c.MlpBias);
            _mlp = new GatedMlp(gate, up, down, c.Activation);
        }
    }

    public bool Trains => _all.Trains;

    /// <summary>Multiply-adds for sequences of some lengths.</summary>
    public IEnumerable<FlopCount> Flops(IReadOnlyList<int> lengths)
    {
        long N = lengths.Sum(l => (long)l);

        // Scores and mixed values of every visible pair; the causal half only, of that what lies in the window.
        double pairs = lengths.Sum(l => ((double)l * l / 2) - (Math.Pow(Math.Max(0, l - (_window ?? l)), 2) / 2));
        double attention = pairs * 2 * _config.Heads * _config.HeadWidth;
        IEnumerable<FlopCount> Of(IEnumerable<Nn.Linear> sharing) => sharing.Select((l, i) => FlopCount.Of(l, N, sharesInput: i > 0));
        return [.. Of(_qkv.Linears), new FlopCount(_path, N, attention, null), FlopCount.Of(_o, N), .. Of(_mlp.Linears.SkipLast(1)), FlopCount.Of(_mlp.Linears[^1], N)];
    }

    public Tensor Forward(StepScope scope, Tensor x, DecoderStep step, int layer)
    {
        Tensor h = Add.Forward(scope, x, scope.Frame(() => Attend(scope, _inputNorm.Forward(scope, x), step, layer)));
        return Add.Forward(scope, h, scope.Frame(() => _mlp.Forward(scope, _postNorm.Forward(scope, h))));
    }

    private Tensor Attend(StepScope scope, Tensor x, DecoderStep step, int layer)
    {
        int N = x.Shape[0], D = _config.HeadWidth;
        (Tensor q, Tensor k, Tensor v) = _qkv.Forward(scope, x);
        (q, k) = (Rotate(scope, q, step), Rotate(scope, k, step));
        if (step.Cache is not null)
        {
            step.Cache.Write(scope, layer, step.CacheRows!, k, v);
            (k, v) = (step.Cache.Keys(layer), step.Cache.Values(layer));
        }

        Tensor y = Tensors.Ops.Attention.Forward(scope, q, k, v, step.Segments.WithWindow(_window), new AttentionOptions(1f / MathF.Sqrt(D)));
        return _o.Forward(scope, Reshape.Forward(scope, y, new Shape(N, _config.Heads * D)));
    }

    /// <summary>Rotates heads [N, H, D], or their first elements where there are fewer angles (Phi-4).</summary>
    private static Tensor Rotate(StepScope scope, Tensor x, DecoderStep step)
    {
        int N = x.Shape[0], H = x.Shape[1], D = x.Shape[2], turning = 2 * step.Cos.Shape[1];
        if (turning == D)
        {
            return Rope.Forward(scope, RopePairing.HalfSplit, x, step.Cos, step.Sin);
        }

        Tensor heads = Reshape.Forward(scope, x, new Shape(N * H, D));
        Tensor turned = Rope.Forward(scope, RopePairing.HalfSplit, Reshape.Forward(scope, Columns.Forward(scope, heads, 0, turning), new Shape(N, H, turning)), step.Cos, step.Sin);
        Tensor kept = Columns.Forward(scope, heads, turning, D - turning);
        return Reshape.Forward(scope, JoinColumns.Forward(scope, Reshape.Forward(scope, turned, new Shape(N * H, turning)), kept), x.Shape);
    }

    /// <summary>Queries [N, H, D], keys and values [N, K, D] of x [N, C].</summary>
    private interface IQkv
    {
        /// <summary>The layers, all of which read x.</summary>
        IReadOnlyList<Nn.Linear> Linears { get; }

        (Tensor Q, Tensor K, Tensor V) Forward(StepScope scope, Tensor x);
    }

    /// <summary>Three matrices; queries and keys may be normalised per head (Qwen3).</summary>
    private sealed class SeparateQkv : IQkv
    {
        private readonly Nn.Linear _q, _k, _v;
        private readonly Nn.RmsNorm? _qNorm, _kNorm;
        private readonly DecoderConfig _config;

        public SeparateQkv(WeightScope a, DecoderConfig c)
        {
            _config = c;
            _q = a["q_proj"].Linear(c.Hidden, c.Heads * c.HeadWidth, c.QkvBias);
            _k = a["k_proj"].Linear(c.Hidden, c.KvHeads * c.HeadWidth, c.QkvBias);
            _v = a["v_proj"].Linear(c.Hidden, c.KvHeads * c.HeadWidth, c.QkvBias);
            if (c.QkNorm)
            {
                _qNorm = a["q_norm"].RmsNorm(c.HeadWidth, c.NormEps);
                _kNorm = a["k_norm"].RmsNorm(c.HeadWidth, c.NormEps);
            }
        }

        public IReadOnlyList<Nn.Linear> Linears => [_q, _k, _v];

        public (Tensor Q, Tensor K, Tensor V) Forward(StepScope scope, Tensor x) => (
            Heads(scope, _q.Forward(scope, x), _config.Heads, _qNorm),
            Heads(scope, _k.Forward(scope, x), _config.KvHeads, _kNorm),
            Heads(scope, _v.Forward(scope, x), _config.KvHeads, null));

        private Tensor Heads(StepScope scope, Tensor x, int heads, Nn.RmsNorm? norm)
        {
            int N = x.Shape[0], D = _config.HeadWidth;
            if (norm is not null)
            {
                x = norm.Forward(scope, Reshape.Forward(scope, x, new Shape(N * heads, D)));
            }

            return Reshape.Forward(scope, x, new Shape(N, heads, D));
        }
    }

    /// <summary>One matrix whose rows are queries, keys, values, as Phi-3's checkpoints have it.</summary>
    private sealed class FusedQkv(WeightScope a, DecoderConfig c) : IQkv
    {
        private readonly Nn.Linear _qkv = a["qkv_proj"].Linear(c.Hidden, (c.Heads + (2 * c.KvHeads)) * c.HeadWidth, c.QkvBias);

        public IReadOnlyList<Nn.Linear> Linears => [_qkv];

        public (Tensor Q, Tensor K, Tensor V) Forward(StepScope scope, Tensor x)
        {
            Tensor all = _qkv.Forward(scope, x);
            Tensor Part(int firstHead, int heads) =>
                Reshape.Forward(scope, Columns.Forward(scope, all, firstHead * c.HeadWidth, heads * c.HeadWidth), new Shape(x.Shape[0], heads, c.HeadWidth));
            return (Part(0, c.Heads), Part(c.Heads, c.KvHeads), Part(c.Heads + c.KvHeads, c.KvHeads));
        }
    }
}
