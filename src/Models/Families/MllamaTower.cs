using Lorikeet.Nn;
using Lorikeet.Nn.Weights;
using Lorikeet.Tensors;
using Lorikeet.Tensors.Ops;
using Lorikeet.Tensors.Storage;

namespace Lorikeet.Models.Families;

/// <summary>
/// The vision tower of Llama-3.2-Vision: all tiles of a picture see each other, positions depend on the picture's arrangement of tiles,
/// and the outcome is the last hidden states beside those of some layers.
/// </summary>
/// <remarks>
/// Source: Grattafiori et al. 2024, "The Llama 3 herd of models"; behaviour of transformers' <c>MllamaVisionModel</c>. As there, a real
/// patch sees everything, missing tiles and padding included, and only padding is hidden from padding: the published weights were
/// trained so.
/// </remarks>
internal sealed class MllamaTower
{
    private readonly MllamaVisionConfig _config;
    private readonly Nn.Linear _patches;
    private readonly Param _class, _positions, _positionGate, _tilePositions;
    private readonly TileEmbedding _preTile, _postTile;
    private readonly Nn.LayerNorm _preNorm, _postNorm;
    private readonly Block[] _local, _global;

    public MllamaTower(WeightScope w, MllamaVisionConfig c)
    {
        const float NormEps = 1e-5f;
        _config = c;
        int C = c.Hidden;

        // Not registered as a linear layer: in the reference it is a convolution, which "all-linear" doesn't match.
        WeightScope patch = w["patch_embedding"], position = w["gated_positional_embedding"];
        _patches = new Nn.Linear(patch.Path, new DenseWeight(patch.PatchKernel("weight", new Shape(C, c.Channels, c.PatchSize, c.PatchSize))), null);
        _class = w.Param("class_embedding", new Shape(C));
        _positionGate = position.Param("gate", new Shape(1));
        _positions = position.Param("embedding", new Shape(c.Rows, C));
        _tilePositions = position["tile_embedding"].Param("weight", new Shape(c.Arrangements.Count + 1, c.Tiles * c.Rows * C));
        _preTile = new TileEmbedding(w["pre_tile_positional_embedding"], c);
        _postTile = new TileEmbedding(w["post_tile_positional_embedding"], c);
        _preNorm = w["layernorm_pre"].LayerNorm(C, NormEps);
        _postNorm = w["layernorm_post"].LayerNorm(C, NormEps);
        _local = [.. Enumerable.Range(0, c.Layers).Select(i => new Block(w["transformer"]["layers"][i], c, gated: false))];
        _global = [.. Enumerable.Range(0, c.GlobalLayers).Select(i => new Block(w["global_transformer"]["layers"][i], c, gated: true))];
    }

    /// <summary>Whether anything here is trained.</summary>
    public bool Trains => _local.Concat(_global).Any(b => b.Trains) || _patches.Trains
        || new[] { _class, _positions, _positionGate, _tilePositions, _preTile.Table, _preTile.Gate, _postTile.Table, _postTile.Gate }.Any(p => p.IsTrained)
        || _preNorm.Trains || _postNorm.Trains;

    /// <summary>Features of pictures.</summary>
    /// <param name="scope">The running step.</param>
    /// <param name="pixels">Patches of I pictures [I T P, width], tile after tile, missing tiles included.</param>
    /// <param name="pictures">Arrangement and number of tiles of each.</param>
    /// <param name="keys">Random keys of all rows, padding included [I T R'], or empty.</param>
    /// <param name="checkpoint">Whether to recompute blocks in the backward pass.</param>
    /// <returns>[I T R, output width].</returns>
    public Tensor Forward(StepScope scope, Tensor pixels, ReadOnlySpan<MllamaPicture> pictures, ReadOnlySpan<long> keys, bool checkpoint)
    {
        int T = _config.Tiles, R = _config.Rows, all = T * _config.PaddedRows, C = _config.Hidden;
        int[] place = Places(pictures);
        Tensor rows = scope.From([.. Enumerable.Range(0, pictures.Length * T * R).Select(i => place[(i / R * _config.PaddedRows) + (i % R)])]);
        if (keys.Length > 0)
        {
            long[] ordered = new long[keys.Length];
            for (int i = 0; i < keys.Length; i++)
            {
                ordered[place[i]] = keys[i];
            }

            scope.RowKeys = scope.From<long>(ordered, new Shape(ordered.Length), DType.I64);
        }

        var segments = new List<AttentionSegment>();
        int[] tileOf = new int[pictures.Length * all];
        for (int i = 0; i < pictures.Length; i++)
        {
            int start = i * all, real = pictures[i].Tiles * R;
            segments.Add(new AttentionSegment(start, real, start, all));
            segments.Add(new AttentionSegment(start + real, all - real, start, real));
            for (int r = 0; r < all; r++)
            {
                tileOf[place[start + r]] = (pictures[i].Arrangement * T) + (r / _config.PaddedRows);
            }
        }

        var visible = new AttentionSegments(segments, causal: false);
        Tensor x = ReplaceRows.Forward(scope, scope.Zeros(new Shape(pictures.Length * all, C)), Embed(scope, pixels, pictures), rows);
        var states = new List<Tensor>();
        for (int i = 0; i < _local.Length; i++)
        {
            x = Run(scope, _local[i], x, visible, checkpoint);
            if (_config.KeptLayers.Contains(i))
            {
                states.Add(GatherRows.Forward(scope, x, rows));
            }
        }

        x = _postTile.Add(scope, _postNorm.Forward(scope, x), tileOf);
        foreach (Block block in _global)
        {
            x = Run(scope, block, x, visible, checkpoint);
        }

        // Values of the kept layers stand side by side for each column, behind the last state.
        Tensor[] columns = [.. states.Select(s => Reshape.Forward(scope, s, new Shape((int)s.Count, 1)))];
        Tensor kept = Reshape.Forward(scope, JoinColumns.Forward(scope, columns), new Shape(pictures.Length * T * R, C * columns.Length));
        return JoinColumns.Forward(scope, GatherRows.Forward(scope, x, rows), kept);
    }

    /// <summary>Multiply-adds for a number of pictures.</summary>
    public IEnumerable<FlopCount> Flops(int pictures)
    {
        long N = (long)pictures * _config.Tiles * _config.PaddedRows;
        double attention = (double)N * _config.Tiles * _config.PaddedRows * 2 * _config.Hidden;
        return [FlopCount.Of(_patches, (long)pictures * _config.Tiles * _config.Patches), .. _local.Concat(_global).SelectMany(b => b.Flops(N, attention))];
    }

    private static Tensor Run(StepScope scope, Block block, Tensor x, AttentionSegments visible, bool checkpoint)
    {
        // A view of its own: the block's share of a gradient is summed before the features' one is added, as where it is computed again.
        Tensor y = checkpoint && scope.IsRecording
            ? scope.Checkpoint(inputs => block.Forward(scope, inputs[0], visible), block.Trains, x)
            : scope.Frame(() => block.Forward(scope, Reshape.Forward(scope, x, x.Shape), visible));
        scope.Free(x);
        return y;
    }

    /// <summary>Where each row of (picture, tile, padded row) stands: real rows of a picture before its padding, so that each is one run.</summary>
    private int[] Places(ReadOnlySpan<MllamaPicture> pictures)
    {
        int padded = _config.PaddedRows, all = _config.Tiles * padded;
        int[] place = new int[pictures.Length * all];
        for (int i = 0; i < pictures.Length; i++)
        {
            int real = i * all, padding = real + (pictures[i].Tiles * _config.Rows);
            for (int r = 0; r < all; r++)
            {
                bool isReal = r / padded < pictures[i].Tiles && r % padded < _config.Rows;
                place[(i * all) + r] = isReal ? real++ : padding++;
            }
        }

        return place;
    }

    /// <summary>Embedded patches behind a class row [I T R, C].</summary>
    private Tensor Embed(StepScope scope, Tensor pixels, ReadOnlySpan<MllamaPicture> pictures)
    {
        int T = _config.Tiles, R = _config.Rows, P = _config.Patches, N = pictures.Length * T, C = _config.Hidden;
        int[] arrangement = new int[pictures.Length];
        for (int i = 0; i < arrangement.Length; i++)
        {
            arrangement[i] = pictures[i].Arrangement;
        }

        Tensor x = _patches.Forward(scope, pixels);
        x = _preTile.Add(scope, x, [.. Enumerable.Range(0, N * P).Select(i => (arrangement[i / P / T] * T) + (i / P % T))]);
        int[] rows = [.. Enumerable.Range(0, N * P).Select(i => (i / P * R) + 1 + (i % P))];
        x = ReplaceRows.Forward(scope, GatherRows.Forward(scope, _class.Value, scope.From(new int[N * R])), x, scope.From(rows));
        Tensor position = GatherRows.Forward(scope, _positions.Value, scope.From([.. Enumerable.Range(0, N * R).Select(i => i % R)]));
        x = Add.Forward(scope, x, TanhGate.Forward(scope, position, _positionGate.Value, complement: true));
        Tensor table = Reshape.Forward(scope, _tilePositions.Value, new Shape((int)(_tilePositions.Value.Count / C), C));
        Tensor ofTile = GatherRows.Forward(scope, table, scope.From([.. Enumerable.Range(0, N * R).Select(i => (arrangement[i / R / T] * T * R) + (i % (T * R)))]));
        return _preNorm.Forward(scope, Add.Forward(scope, x, TanhGate.Forward(scope, ofTile, _positionGate.Value)));
    }

    /// <summary>A vector per arrangement and tile, behind a gate.</summary>
    private sealed class TileEmbedding(WeightScope w, MllamaVisionConfig c)
    {
        public Param Gate { get; } = w.Param("gate", new Shape(1));

        public Param Table { get; } = w["embedding"].Param("weight", new Shape(c.Arrangements.Count + 1, c.Tiles * c.Hidden));

        public Tensor Add(StepScope scope, Tensor x, int[] tileOfRow)
        {
            Tensor table = Reshape.Forward(scope, Table.Value, new Shape((c.Arrangements.Count + 1) * c.Tiles, c.Hidden));
            return Tensors.Ops.Add.Forward(scope, x, TanhGate.Forward(scope, GatherRows.Forward(scope, table, scope.From(tileOfRow)), Gate.Value));
        }
    }

    private sealed class Block
    {
        private readonly int _heads;
        private readonly Nn.LayerNorm _norm1, _norm2;
        private readonly Nn.Linear _q, _k, _v, _o;
        private readonly Mlp _mlp;
        private readonly Param? _attentionGate, _mlpGate;
        private readonly string _path;

        public Block(WeightScope w, MllamaVisionConfig c, bool gated)
        {
            int C = c.Hidden;
            _heads = c.Heads;
            WeightScope a = w["self_attn"], m = w["mlp"];
            _path = a.Path;
            _q = a["q_proj"].Linear(C, C, bias: false);
            _k = a["k_proj"].Linear(C, C, bias: false);
            _v = a["v_proj"].Linear(C, C, bias: false);
            _o = a["o_proj"].Linear(C, C, bias: false);
            _mlp = new Mlp(m["fc1"].Linear(C, c.MlpWidth, bias: true), m["fc2"].Linear(c.MlpWidth, C, bias: true), c.Activation);
            _norm1 = w["input_layernorm"].LayerNorm(C, c.NormEps);
            _norm2 = w["post_attention_layernorm"].LayerNorm(C, c.NormEps);
            _attentionGate = gated ? w.Param("gate_attn", new Shape(1)) : null;
            _mlpGate = gated ? w.Param("gate_ffn", new Shape(1)) : null;
        }

        public bool Trains => new[] { _q, _k, _v, _o, _mlp.Up, _mlp.Down }.Any(l => l.Trains)
            || _norm1.Trains || _norm2.Trains || _attentionGate is { IsTrained: true } || _mlpGate is { IsTrained: true };

        public IEnumerable<FlopCount> Flops(long N, double attention) =>
        [
            FlopCount.Of(_q, N), FlopCount.Of(_k, N, true), FlopCount.Of(_v, N, true), new FlopCount(_path, N, attention, null), FlopCount.Of(_o, N),
            FlopCount.Of(_mlp.Up, N), FlopCount.Of(_mlp.Down, N),
        ];

        public Tensor Forward(StepScope scope, Tensor x, AttentionSegments visible)
        {
            Tensor h = Add.Forward(scope, x, scope.Frame(() => Gated(scope, Attend(scope, _norm1.Forward(scope, x), visible), _attentionGate)));
            return Add.Forward(scope, h, scope.Frame(() => Gated(scope, _mlp.Forward(scope, _norm2.Forward(scope, h)), _mlpGate)));
        }

        private static Tensor Gated(StepScope scope, Tensor x, Param? gate) => gate is null ? x : TanhGate.Forward(scope, x, gate.Value);

        private Tensor Attend(StepScope scope, Tensor x, AttentionSegments visible)
        {
            int D = x.Shape[1] / _heads;
            var heads = new Shape(x.Shape[0], _heads, D);
            Tensor y = Tensors.Ops.Attention.Forward(
                scope,
                Reshape.Forward(scope, _q.Forward(scope, x), heads),
                Reshape.Forward(scope, _k.Forward(scope, x), heads),
                Reshape.Forward(scope, _v.Forward(scope, x), heads),
                visible,
                new AttentionOptions(1f / MathF.Sqrt(D)));
            return _o.Forward(scope, Reshape.Forward(scope, y, x.Shape));
        }
    }
}

/// <summary>A picture's tiles.</summary>
/// <param name="Arrangement">Number of its arrangement among those the model supports, from 1; 0 for a picture that isn't there.</param>
/// <param name="Tiles">Tiles that hold a part of it.</param>
public readonly record struct MllamaPicture(int Arrangement, int Tiles);
