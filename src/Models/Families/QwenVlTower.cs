using Lorikeet.Models.Backbones;
using Lorikeet.Nn;
using Lorikeet.Nn.Weights;
using Lorikeet.Tensors;
using Lorikeet.Tensors.Ops;
using Lorikeet.Tensors.Storage;

namespace Lorikeet.Models.Families;

/// <summary>Vision of <see cref="QwenVl"/>: patches through a transformer, then learned queries attend to them.</summary>
internal sealed class QwenVlTower
{
    private readonly QwenVlConfig _config;
    private readonly ModelSubtree _all;
    private readonly Nn.Linear _patches;
    private readonly Param _positions, _projection;
    private readonly Nn.LayerNorm _pre, _post;
    private readonly Block[] _blocks;
    private readonly QueryResampler _resampler;

    public QwenVlTower(WeightScope w, QwenVlConfig c)
    {
        (_config, _all) = (c, w.Subtree);
        int H = c.Hidden;

        // Not registered as a linear layer: a convolution, which LoRA never reaches.
        Param kernel = w["conv1"].PatchKernel("weight", new Shape(c.Width, 3, c.PatchSize, c.PatchSize));
        _patches = new Nn.Linear(w["conv1"].Path, new DenseWeight(kernel), null);
        _positions = w.Param("positional_embedding", new Shape(QwenVlConfig.TableRows, c.Width));
        _pre = w["ln_pre"].LayerNorm(c.Width, QwenVlConfig.VisionNormEps);
        _blocks = [.. Enumerable.Range(0, c.VisionLayers).Select(i => new Block(w["transformer"]["resblocks"][i], c))];
        _resampler = new QueryResampler(w["attn_pool"], new QueryResamplerConfig(c.Queries, H, c.ResamplerHeads, c.Width, QwenVlConfig.VisionNormEps));
        _post = w["ln_post"].LayerNorm(H, QwenVlConfig.VisionNormEps);
        _projection = w.Param("proj", new Shape(H, H));
    }

    /// <summary>Whether anything here is trained.</summary>
    public bool Trains => _all.Trains;

    /// <summary>Sees values as they are computed, or null.</summary>
    public Action<string, Tensor>? Observer { get; set; }

    /// <summary>Features [N Q, C] of some pictures.</summary>
    public Tensor Forward(StepScope scope, QwenVlVision vision, int first, int count, bool checkpoint)
    {
        int P = _config.Patches, width = 3 * _config.PatchSize * _config.PatchSize;
        scope.RowKeys = vision.Keys.Length == 0 ? null : scope.From<long>(vision.Keys.AsSpan(first * P, count * P), new Shape(count * P), DType.I64);
        Tensor pixels = scope.From(vision.Patches.AsSpan(checked(first * P * width), checked(count * P * width)), new Shape(count * P, width));
        Tensor x = Add.Forward(scope, _patches.Forward(scope, pixels), QueryResampler.Positions(scope, _positions.Value, P, count));
        x = _pre.Forward(scope, x);
        AttentionSegments segments = AttentionSegments.Of([.. Enumerable.Repeat(P, count)], causal: false);
        foreach (Block block in _blocks)
        {
            Tensor input = x;
            x = checkpoint && scope.IsRecording
                ? scope.Checkpoint(inputs => block.Forward(scope, inputs[0], segments), block.Trains, input)
                : scope.Frame(() => block.Forward(scope, input, segments));
            scope.Free(input);
        }

        Observer?.Invoke("vision.last_hidden_state", x);
        x = _resampler.Forward(scope, x, count);
        Observer?.Invoke("image_features.resampler", x);
        return Project.Forward(scope, _post.Forward(scope, x), _projection);
    }

    /// <summary>Multiply-adds for a number of pictures.</summary>
    public IEnumerable<FlopCount> Flops(int pictures)
    {
        long patches = (long)pictures * _config.Patches, queries = (long)pictures * _config.Queries;
        double H = _config.Hidden;
        return
        [
            FlopCount.Of(_patches, patches),
            .. _blocks.SelectMany(b => b.Flops(patches, (double)patches * _config.Patches * 2 * _config.Width)),
            .. _resampler.Flops(pictures, _config.Patches),
            new FlopCount(_projection.Name, queries, queries * H * H, null),
        ];
    }

    /// <summary>A block whose fused projection is grouped by heads: the query, key and value of the first head, then of the second.</summary>
    private sealed class Block(WeightScope w, QwenVlConfig c)
    {
        private readonly Nn.LayerNorm _norm1 = w["ln_1"].LayerNorm(c.Width, QwenVlConfig.VisionNormEps), _norm2 = w["ln_2"].LayerNorm(c.Width, QwenVlConfig.VisionNormEps);
        private readonly Nn.Linear _qkv = w["attn"]["in_proj"].Linear(c.Width, 3 * c.Width, bias: true), _out = w["attn"]["out_proj"].Linear(c.Width, c.Width, bias: true);
        private readonly Mlp _mlp = new(
            w["mlp"]["c_fc"].Linear(c.Width, c.VisionMlpWidth, bias: true), w["mlp"]["c_proj"].Linear(c.VisionMlpWidth, c.Width, bias: true), ActivationKind.GeluErf);

        private readonly ModelSubtree _all = w.Subtree;

        public bool Trains => _all.Trains;

        public IEnumerable<FlopCount> Flops(long rows, double attention) =>
            [FlopCount.Of(_qkv, rows), new FlopCount(_qkv.Path + ".attention", rows, attention, null), FlopCount.Of(_out, rows), .. _mlp.Linears.Select(l => FlopCount.Of(l, rows))];

        public Tensor Forward(StepScope scope, Tensor x, AttentionSegments segments)
        {
            Tensor h = Add.Forward(scope, x, scope.Frame(() => Attend(scope, _norm1.Forward(scope, x), segments)));
            return Add.Forward(scope, h, scope.Frame(() => _mlp.Forward(scope, _norm2.Forward(scope, h))));
        }

        private Tensor Attend(StepScope scope, Tensor x, AttentionSegments segments)
        {
            int N = x.Shape[0], D = c.Width / c.VisionHeads;
            Tensor all = Reshape.Forward(scope, _qkv.Forward(scope, x), new Shape(N * c.VisionHeads, 3 * D));
            Tensor Part(int part) => Reshape.Forward(scope, Columns.Forward(scope, all, part * D, D), new Shape(N, c.VisionHeads, D));
            Tensor y = Tensors.Ops.Attention.Forward(scope, Part(0), Part(1), Part(2), segments, new AttentionOptions(1f / MathF.Sqrt(D)));
            return _out.Forward(scope, Reshape.Forward(scope, y, x.Shape));
        }
    }
}
