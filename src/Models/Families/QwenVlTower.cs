using Lorikeet.Nn;
using Lorikeet.Nn.Weights;
using Lorikeet.Tensors;
using Lorikeet.Tensors.Ops;
using Lorikeet.Tensors.Storage;

namespace Lorikeet.Models.Families;

/// <summary>Vision of <see cref="QwenVl"/>: patches through a transformer, then learned queries attend to them.</summary>
internal sealed class QwenVlTower
{
    private const int Taps = 4;

    private readonly QwenVlConfig _config;
    private readonly Nn.Linear _patches, _kv, _pool, _poolOut;
    private readonly Param _positions, _query, _queryPositions, _projection;
    private readonly Nn.LayerNorm _pre, _post, _queryNorm, _kvNorm;
    private readonly Block[] _blocks;

    public QwenVlTower(WeightScope w, QwenVlConfig c)
    {
        _config = c;
        int H = c.Hidden;
        WeightScope pool = w["attn_pool"], attention = pool["attn"];

        // None of these is registered as a linear layer: a convolution, and parts of torch's attention, which LoRA never reaches.
        Param kernel = w["conv1"].PatchKernel("weight", new Shape(c.Width, 3, c.PatchSize, c.PatchSize));
        _patches = new Nn.Linear(w["conv1"].Path, new DenseWeight(kernel), null);
        _positions = w.Param("positional_embedding", new Shape(QwenVlConfig.TableRows, c.Width));
        _pre = w["ln_pre"].LayerNorm(c.Width, QwenVlConfig.VisionNormEps);
        _blocks = [.. Enumerable.Range(0, c.VisionLayers).Select(i => new Block(w["transformer"]["resblocks"][i], c))];
        _query = pool.Param("query", new Shape(c.Queries, H));
        _queryPositions = pool.Param("pos_embed", new Shape(c.Queries, H));
        _kv = pool["kv_proj"].Linear(c.Width, H, bias: false);
        _queryNorm = pool["ln_q"].LayerNorm(H, QwenVlConfig.VisionNormEps);
        _kvNorm = pool["ln_kv"].LayerNorm(H, QwenVlConfig.VisionNormEps);
        _pool = new Nn.Linear(attention.Path, new DenseWeight(attention.Param("in_proj_weight", new Shape(3 * H, H))), attention.Param("in_proj_bias", new Shape(3 * H)));
        WeightScope output = attention["out_proj"];
        _poolOut = new Nn.Linear(output.Path, new DenseWeight(output.Param("weight", new Shape(H, H))), output.Param("bias", new Shape(H)));
        _post = w["ln_post"].LayerNorm(H, QwenVlConfig.VisionNormEps);
        _projection = w.Param("proj", new Shape(H, H));
    }

    /// <summary>Whether anything here is trained.</summary>
    public bool Trains =>
        _blocks.Any(b => b.Trains) || new[] { _patches, _kv, _pool, _poolOut }.Any(l => l.Trains)
        || new[] { _positions, _query, _queryPositions, _projection, _pre.Weight, _post.Weight, _queryNorm.Weight, _kvNorm.Weight }.Any(p => p.IsTrained);

    /// <summary>Sees values as they are computed, or null.</summary>
    public Action<string, Tensor>? Observer { get; set; }

    /// <summary>Features [N Q, C] of some pictures.</summary>
    public Tensor Forward(StepScope scope, QwenVlVision vision, int first, int count, bool checkpoint)
    {
        int P = _config.Patches, width = 3 * _config.PatchSize * _config.PatchSize;
        scope.RowKeys = vision.Keys.Length == 0 ? null : scope.From<long>(vision.Keys.AsSpan(first * P, count * P), new Shape(count * P), DType.I64);
        Tensor pixels = scope.From(vision.Patches.AsSpan(checked(first * P * width), checked(count * P * width)), new Shape(count * P, width));
        Tensor x = Add.Forward(scope, _patches.Forward(scope, pixels), Positions(scope, _positions, QwenVlConfig.TableRows, P, count));
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
        x = Resample(scope, x, count);
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
            FlopCount.Of(_kv, patches),
            FlopCount.Of(_pool, _config.Queries + (2 * patches)),
            new FlopCount(_pool.Path + ".attention", queries, (double)queries * _config.Patches * 2 * H, null),
            FlopCount.Of(_poolOut, queries),
            new FlopCount(_projection.Name, queries, queries * H * H, null),
        ];
    }

    /// <summary>
    /// A square table of positions as rows of a grid of another size, for each of some pictures: bicubic (a = -0.75), edges repeated, not
    /// smoothed where the grid is smaller. Source: torch's <c>interpolate</c>, <c>mode=bicubic, align_corners=False</c>.
    /// </summary>
    internal static Tensor Positions(StepScope scope, Param table, int rows, int cells, int pictures)
    {
        if (rows == cells)
        {
            return GatherRows.Forward(scope, table.Value, scope.From([.. Enumerable.Range(0, cells * pictures).Select(i => i % cells)]));
        }

        int from = (int)Math.Sqrt(rows), to = (int)Math.Sqrt(cells);
        (int[] Ids, float[] Weights)[] axis = [.. Enumerable.Range(0, to).Select(i => Cubic(i, from, to))];
        Tensor? sum = null;
        for (int tap = 0; tap < Taps * Taps; tap++)
        {
            int[] ids = new int[cells];
            float[] weights = new float[cells];
            for (int i = 0; i < cells; i++)
            {
                ((int[] rowIds, float[] rowWeights), (int[] columnIds, float[] columnWeights)) = (axis[i / to], axis[i % to]);
                ids[i] = (rowIds[tap / Taps] * from) + columnIds[tap % Taps];
                weights[i] = rowWeights[tap / Taps] * columnWeights[tap % Taps];
            }

            Tensor part = ScaleRows.Forward(scope, GatherRows.Forward(scope, table.Value, scope.From(ids)), scope.From(weights, new Shape(cells)));
            sum = sum is null ? part : Add.Forward(scope, sum, part);
        }

        return pictures == 1 ? sum! : GatherRows.Forward(scope, sum!, scope.From([.. Enumerable.Range(0, cells * pictures).Select(i => i % cells)]));
    }

    private static (int[] Ids, float[] Weights) Cubic(int i, int from, int to)
    {
        const float A = -0.75f;
        float place = ((i + 0.5f) * ((float)from / to)) - 0.5f;
        int floor = (int)MathF.Floor(place);
        float t = place - floor;
        float Near(float x) => (((((A + 2) * x) - (A + 3)) * x) * x) + 1;
        float Far(float x) => (((((A * x) - (5 * A)) * x) + (8 * A)) * x) - (4 * A);
        return (
            [.. Enumerable.Range(floor - 1, Taps).Select(j => Math.Clamp(j, 0, from - 1))],
            [Far(t + 1), Near(t), Near(1 - t), Far(2 - t)]);
    }

    /// <summary>Each picture's queries attend to its patches: [N Q, C].</summary>
    private Tensor Resample(StepScope scope, Tensor x, int pictures)
    {
        int H = _config.Hidden, heads = _config.ResamplerHeads, D = H / heads, Q = _config.Queries, P = _config.Patches;
        Tensor values = _kvNorm.Forward(scope, _kv.Forward(scope, x));
        Tensor keys = Add.Forward(scope, values, Positions(scope, _queryPositions, Q, P, pictures));
        Tensor query = Add.Forward(scope, _queryNorm.Forward(scope, GatherRows.Forward(scope, _query.Value, scope.From([.. Enumerable.Range(0, Q)]))), Positions(scope, _queryPositions, Q, Q, 1));
        Tensor Part(Tensor input, int part) =>
            Reshape.Forward(scope, Columns.Forward(scope, _pool.Forward(scope, input), part * H, H), new Shape(input.Shape[0], heads, D));
        Tensor q = Columns.Forward(scope, _pool.Forward(scope, query), 0, H);
        q = Reshape.Forward(scope, GatherRows.Forward(scope, q, scope.From([.. Enumerable.Range(0, Q * pictures).Select(i => i % Q)])), new Shape(Q * pictures, heads, D));
        var segments = new AttentionSegments([.. Enumerable.Range(0, pictures).Select(i => new AttentionSegment(i * Q, Q, i * P, P))], causal: false);
        Tensor y = Tensors.Ops.Attention.Forward(scope, q, Part(keys, 1), Part(values, 2), segments, new AttentionOptions(1f / MathF.Sqrt(D)));
        return _poolOut.Forward(scope, Reshape.Forward(scope, y, new Shape(Q * pictures, H)));
    }

    /// <summary>A block whose fused projection is grouped by heads: the query, key and value of the first head, then of the second.</summary>
    private sealed class Block(WeightScope w, QwenVlConfig c)
    {
        private readonly Nn.LayerNorm _norm1 = w["ln_1"].LayerNorm(c.Width, QwenVlConfig.VisionNormEps), _norm2 = w["ln_2"].LayerNorm(c.Width, QwenVlConfig.VisionNormEps);
        private readonly Nn.Linear _qkv = w["attn"]["in_proj"].Linear(c.Width, 3 * c.Width, bias: true), _out = w["attn"]["out_proj"].Linear(c.Width, c.Width, bias: true);
        private readonly Mlp _mlp = new(
            w["mlp"]["c_fc"].Linear(c.Width, c.VisionMlpWidth, bias: true), w["mlp"]["c_proj"].Linear(c.VisionMlpWidth, c.Width, bias: true), ActivationKind.GeluErf);

        public bool Trains =>
            _norm1.Weight.IsTrained || _norm2.Weight.IsTrained || _mlp.Linears.Append(_qkv).Append(_out).Any(l => l.Trains);

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
