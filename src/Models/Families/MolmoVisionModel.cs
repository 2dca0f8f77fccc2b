using Lorikeet.Models.Backbones;
using Lorikeet.Nn;
using Lorikeet.Nn.Weights;
using Lorikeet.Tensors;
using Lorikeet.Tensors.Ops;
using Lorikeet.Tensors.Storage;

namespace Lorikeet.Models.Families;

/// <summary>Vision of <see cref="Molmo"/>: crops to features of several layers, embeddings of padding, attention pooling, projector.</summary>
internal sealed class MolmoVisionModel
{
    private static readonly EncoderNames Names = new()
    {
        Blocks = "resblocks",
        Norm1 = "attention_norm",
        Norm2 = "ffn_norm",
        Attention = "attention",
        Q = "wq",
        K = "wk",
        V = "wv",
        Out = "wo",
        Up = "feed_forward.w1",
        Down = "feed_forward.w2",
    };

    private readonly MolmoConfig _config;
    private readonly Param _padding, _class, _positions;
    private readonly Nn.Linear _patches, _q, _k, _v, _out;
    private readonly Nn.LayerNorm _preNorm;
    private readonly SiglipEncoder _encoder;
    private readonly GatedMlp _projector;

    public MolmoVisionModel(WeightScope w, MolmoConfig config)
    {
        _config = config;
        SiglipConfig c = config.Vision;
        WeightScope vit = w["image_vit"], pool = w["image_pooling_2d"], projector = w["image_projector"];
        _padding = w.Param("pad_embed", new Shape(2, config.FeatureWidth));
        _class = vit.Param("class_embedding", new Shape(c.Hidden));
        _positions = vit.Param("positional_embedding", new Shape(config.Patches + 1, c.Hidden));
        _patches = vit["patch_embedding"].Linear(c.PatchWidth, c.Hidden, bias: false);
        _preNorm = vit["pre_ln"].LayerNorm(c.Hidden, c.NormEps);
        _encoder = new SiglipEncoder(vit["transformer"], c, Names);
        _q = pool["wq"].Linear(config.FeatureWidth, c.Hidden, bias: true);
        _k = pool["wk"].Linear(config.FeatureWidth, c.Hidden, bias: true);
        _v = pool["wv"].Linear(config.FeatureWidth, c.Hidden, bias: true);
        _out = pool["wo"].Linear(c.Hidden, c.Hidden, bias: true);
        _projector = new GatedMlp(
            projector["w1"].Linear(c.Hidden, config.MlpWidth, bias: false),
            projector["w3"].Linear(c.Hidden, config.MlpWidth, bias: false),
            projector["w2"].Linear(config.MlpWidth, config.Hidden, bias: false),
            ActivationKind.Silu);
    }

    /// <summary>Whether anything here is trained.</summary>
    public bool Trains =>
        _encoder.Trains || _preNorm.Trains || _padding.IsTrained || _class.IsTrained || _positions.IsTrained
        || _projector.Linears.Concat([_patches, _q, _k, _v, _out]).Any(l => l.Trains);

    /// <summary>Sees values as they are computed, or null.</summary>
    public Action<string, Tensor>? Observer { get; set; }

    /// <summary>Features [N t t, C] of some crops.</summary>
    /// <param name="scope">The running step.</param>
    /// <param name="vision">The batch's crops.</param>
    /// <param name="first">First crop.</param>
    /// <param name="count">Number of crops N.</param>
    /// <param name="checkpoint">Whether to recompute blocks in the backward pass.</param>
    public Tensor Forward(StepScope scope, MolmoVision vision, int first, int count, bool checkpoint)
    {
        int R = _config.Patches + 1;
        long[] keys = vision.Keys.Length == 0 ? [] : vision.Keys[(first * R)..((first + count) * R)];
        Tensor x = Tower(scope, vision, (first, count), keys, checkpoint);
        Observer?.Invoke("vision.last_hidden_state", x);
        x = Padded(scope, x, vision.Masks.AsSpan(first * _config.Patches, count * _config.Patches));
        x = Pool(scope, x, count, keys);
        Observer?.Invoke("image_features.pooled", x);
        x = _projector.Forward(scope, x);
        Observer?.Invoke("image_features.projector", x);
        return x;
    }

    /// <summary>Multiply-adds for a number of crops.</summary>
    public IEnumerable<FlopCount> Flops(int crops)
    {
        long patches = (long)crops * _config.Patches, pooled = (long)crops * _config.Pooled;
        return
        [
            FlopCount.Of(_patches, patches),
            .. _encoder.Flops([.. Enumerable.Repeat(_config.Patches + 1, crops)], _config.FeatureBlocks.Max()),
            FlopCount.Of(_q, pooled), FlopCount.Of(_k, 4 * pooled), FlopCount.Of(_v, 4 * pooled, sharesInput: true), FlopCount.Of(_out, pooled),
            .. _projector.Linears.Select((l, i) => FlopCount.Of(l, pooled, sharesInput: i == 1)),
        ];
    }

    /// <summary>Rows of all crops with random keys, the class token of each first.</summary>
    private static void UseKeys(StepScope scope, long[] keys, IEnumerable<int> rows) =>
        scope.RowKeys = keys.Length == 0 ? null : scope.From<long>([.. rows.Select(r => keys[r])], new Shape(rows.Count()), DType.I64);

    /// <summary>Hidden states of the chosen layers side by side [N P, FeatureWidth], without class tokens.</summary>
    private Tensor Tower(StepScope scope, MolmoVision vision, (int First, int Count) crops, long[] keys, bool checkpoint)
    {
        int P = _config.Patches, R = P + 1, N = crops.Count, width = _config.Vision.PatchWidth;
        int[] patchRows = [.. Enumerable.Range(0, N * P).Select(i => (i / P * R) + 1 + (i % P))];
        UseKeys(scope, keys, patchRows);
        Tensor pixels = scope.From(vision.Patches.AsSpan(checked(crops.First * P * width), checked(N * P * width)), new Shape(N * P, width));
        Tensor patches = _patches.Forward(scope, pixels);
        UseKeys(scope, keys, Enumerable.Range(0, N * R));
        Tensor x = GatherRows.Forward(scope, _class.Value, scope.From(new int[N * R]));
        x = ReplaceRows.Forward(scope, x, patches, scope.From(patchRows));
        x = Add.Forward(scope, x, GatherRows.Forward(scope, _positions.Value, scope.From([.. Enumerable.Range(0, N * R).Select(i => i % R)])));
        x = _preNorm.Forward(scope, x);
        AttentionSegments segments = AttentionSegments.Of([.. Enumerable.Repeat(R, N)], causal: false);
        var taken = new Dictionary<int, Tensor>();
        int done = 0;
        foreach (int blocks in _config.FeatureBlocks.Distinct().Order())
        {
            x = _encoder.Forward(scope, x, segments, null, checkpoint, blocks, done);
            taken[blocks] = GatherRows.Forward(scope, x, scope.From(patchRows));
            done = blocks;
        }

        return JoinColumns.Forward(scope, [.. _config.FeatureBlocks.Select(blocks => taken[blocks])]);
    }

    /// <summary>The first embedding added to patches that are all padding, the second to those that are partly; a mask of -1 counts as partly.</summary>
    private Tensor Padded(StepScope scope, Tensor x, ReadOnlySpan<float> masks)
    {
        var rows = new List<int>();
        var kinds = new List<int>();
        for (int i = 0; i < masks.Length; i++)
        {
            if (masks[i] < 1)
            {
                rows.Add(i);
                kinds.Add(masks[i] == 0 ? 0 : 1);
            }
        }

        return rows.Count == 0
            ? x
            : AddRows.Forward(scope, x, GatherRows.Forward(scope, _padding.Value, scope.From([.. kinds])), scope.From([.. rows]));
    }

    /// <summary>One feature out of each window of 2 x 2 patches: their mean asks, the four answer. [N t t, D].</summary>
    private Tensor Pool(StepScope scope, Tensor x, int crops, long[] keys)
    {
        const int Window = 4;
        int side = _config.Side, t = _config.PooledSide, cells = crops * _config.Pooled, W = _config.FeatureWidth, P = _config.Patches;
        int[] ids = new int[cells * Window];
        float[] factors = new float[ids.Length];
        for (int i = 0; i < ids.Length; i++)
        {
            int cell = i / Window, inCrop = cell % _config.Pooled;
            int row = (inCrop / t * 2) + (i % Window / 2), column = (inCrop % t * 2) + (i % 2);
            bool inside = row < side && column < side;
            ids[i] = (cell / _config.Pooled * P) + (inside ? (row * side) + column : 0);
            factors[i] = inside ? 1 : 0;
        }

        x = GatherRows.Forward(scope, x, scope.From(ids));
        x = side % 2 == 0 ? x : ScaleRows.Forward(scope, x, scope.From(factors, new Shape(factors.Length)));
        Tensor four = Reshape.Forward(scope, x, new Shape(cells, Window * W));
        Tensor sum = Columns.Forward(scope, four, 0, W);
        for (int i = 1; i < Window; i++)
        {
            sum = Add.Forward(scope, sum, Columns.Forward(scope, four, i * W, W));
        }

        float[] quarter = new float[cells];
        Array.Fill(quarter, 1f / Window);
        IEnumerable<int> keyRows = ids.Select(id => (id / P * (P + 1)) + 1 + (id % P));
        int[] firsts = [.. keyRows.Where((_, i) => i % Window == 0)];
        UseKeys(scope, keys, firsts);
        int heads = _config.Vision.Heads, D = _config.Vision.Hidden / heads;
        Tensor q = Reshape.Forward(scope, _q.Forward(scope, ScaleRows.Forward(scope, sum, scope.From(quarter, new Shape(cells)))), new Shape(cells, heads, D));
        UseKeys(scope, keys, keyRows);
        var shape = new Shape(ids.Length, heads, D);
        Tensor k = Reshape.Forward(scope, _k.Forward(scope, x), shape), v = Reshape.Forward(scope, _v.Forward(scope, x), shape);
        var segments = new AttentionSegments([.. Enumerable.Range(0, cells).Select(i => new AttentionSegment(i, 1, i * Window, Window))], causal: false);
        Tensor y = Tensors.Ops.Attention.Forward(scope, q, k, v, segments, new AttentionOptions(1f / MathF.Sqrt(D)));
        UseKeys(scope, keys, firsts);
        return _out.Forward(scope, Reshape.Forward(scope, y, new Shape(cells, _config.Vision.Hidden)));
    }
}
