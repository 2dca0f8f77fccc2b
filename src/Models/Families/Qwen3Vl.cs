using Lorikeet.Models.Backbones;
using Lorikeet.Nn;
using Lorikeet.Nn.Weights;
using Lorikeet.Tensors;
using Lorikeet.Tensors.Ops;
using Lorikeet.Tensors.Storage;

namespace Lorikeet.Models.Families;

/// <summary>
/// Qwen3-VL: a tower with learned positions, interpolated to the grid of each picture, beside the rotary ones; features of some of its
/// blocks are merged too and added to the first hidden states of a Qwen3 decoder, whose angles take the three axes in turns.
/// </summary>
/// <remarks>
/// Source: Qwen team 2025, "Qwen3-VL technical report" (DeepStack: Meng et al. 2024); behaviour of transformers'
/// <c>Qwen3VLForConditionalGeneration</c>. Checkpoints: Qwen/Qwen3-VL-2B/4B/8B/32B-Instruct.
/// </remarks>
public sealed class Qwen3Vl : GridVisionModel
{
    private readonly Qwen3VlConfig _config;
    private readonly Param _positions;
    private readonly PatchBlock[] _blocks;
    private readonly Merger _merger;
    private readonly Merger[] _deepMergers;

    /// <summary>Builds the model.</summary>
    /// <param name="w">Root of the weights.</param>
    /// <param name="config">Sizes.</param>
    /// <param name="files">Files to close with the model, or null.</param>
    public Qwen3Vl(WeightScope w, Qwen3VlConfig config, IDisposable? files)
        : base(w, config.Common, patchBias: true, files)
    {
        _config = config;
        WeightScope visual = w["model.visual"];
        _positions = visual["pos_embed"].Param("weight", new Shape(config.GridSide * config.GridSide, config.Common.Width));
        _blocks = [.. Enumerable.Range(0, config.Depth).Select(i => Block(visual["blocks"][i], config))];
        _merger = new Merger(visual["merger"], config, MergeArea, normsMerged: false);
        _deepMergers = [.. config.DeepBlocks.Select((_, i) => new Merger(visual["deepstack_merger_list"][i], config, MergeArea, normsMerged: true))];
    }

    /// <inheritdoc/>
    protected override bool TowerTrains => _blocks.Any(b => b.Trains) || _merger.Trains || _deepMergers.Any(m => m.Trains) || _positions.IsTrained;

    /// <inheritdoc/>
    protected override int DeepFeatures => _deepMergers.Length;

    /// <inheritdoc/>
    private protected override IReadOnlyList<Tensor> TowerFeatures(GridPass pass, Tensor x)
    {
        StepScope scope = pass.Scope;
        (int[] rows, int[] columns) = pass.Places();
        (Tensor, Tensor) angles = PatchBlock.Angles(scope, _config.Common.Width / _config.Heads, rows, columns);
        AttentionSegments segments = AttentionSegments.Of(pass.FrameLengths, causal: false);
        x = Add.Forward(scope, x, Positions(scope, pass.Grids, rows, columns));
        var deep = new List<Tensor>();
        for (int i = 0; i < _blocks.Length; i++)
        {
            pass.UsePatchKeys();
            x = pass.Run(_blocks[i], x, angles, segments);
            for (int k = 0; k < _config.DeepBlocks.Count; k++)
            {
                if (_config.DeepBlocks[k] == i)
                {
                    pass.UseMergedKeys();
                    deep.Add(_deepMergers[k].Forward(scope, x));
                    Observer?.Invoke(FormattableString.Invariant($"vision.deepstack.{k}"), deep[^1]);
                }
            }
        }

        Observer?.Invoke("vision.last_hidden_state", x);
        pass.UseMergedKeys();
        return [_merger.Forward(scope, x), .. deep];
    }

    /// <inheritdoc/>
    protected override IEnumerable<FlopCount> TowerFlops(IReadOnlyList<PatchGrid> grids)
    {
        int[] lengths = GridPass.LengthsOf(grids);
        long M = lengths.Sum(n => (long)n) / MergeArea;
        return _blocks.SelectMany(b => b.Flops(lengths)).Concat(_deepMergers.Append(_merger).SelectMany(m => m.Linears.Select(l => FlopCount.Of(l, M))));
    }

    /// <summary>The learned grid of positions, stretched over each picture and read between its points, in the order of patches.</summary>
    private Tensor Positions(StepScope scope, IReadOnlyList<PatchGrid> grids, int[] rows, int[] columns)
    {
        const int Corners = 4;
        int P = rows.Length, n = 0, side = _config.GridSide;
        int[][] ids = [.. Enumerable.Range(0, Corners).Select(_ => new int[P])];
        float[][] weights = [.. Enumerable.Range(0, Corners).Select(_ => new float[P])];
        foreach (PatchGrid grid in grids)
        {
            float[] down = Stretch(side, grid.Rows), across = Stretch(side, grid.Columns);
            for (int p = 0; p < grid.Count; p++, n++)
            {
                float y = down[rows[n]], x = across[columns[n]];
                int top = (int)y, left = (int)x, bottom = Math.Min(top + 1, side - 1), right = Math.Min(left + 1, side - 1);
                float dy = y - top, dx = x - left;
                (ids[0][n], weights[0][n]) = ((top * side) + left, (1 - dy) * (1 - dx));
                (ids[1][n], weights[1][n]) = ((top * side) + right, (1 - dy) * dx);
                (ids[2][n], weights[2][n]) = ((bottom * side) + left, dy * (1 - dx));
                (ids[3][n], weights[3][n]) = ((bottom * side) + right, dy * dx);
            }
        }

        Tensor Corner(int i) => ScaleRows.Forward(scope, GatherRows.Forward(scope, _positions.Value, scope.From(ids[i])), scope.From(weights[i], new Shape(P)));
        Tensor sum = Corner(0);
        for (int i = 1; i < Corners; i++)
        {
            sum = Add.Forward(scope, sum, Corner(i));
        }

        return sum;
    }

    /// <summary>Evenly spaced points from 0 to side - 1, computed as torch.linspace does: from both ends towards the middle.</summary>
    private static float[] Stretch(int side, int count)
    {
        float[] points = new float[count];
        float end = side - 1, step = count > 1 ? end / (count - 1) : 0;
        for (int i = 0; i < count; i++)
        {
            points[i] = i < count / 2 || count == 1 ? step * i : end - (step * (count - 1 - i));
        }

        return points;
    }

    private static PatchBlock Block(WeightScope w, Qwen3VlConfig config)
    {
        int C = config.Common.Width;
        (INorm, INorm) norms = (w["norm1"].LayerNorm(C, Qwen3VlConfig.NormEps), w["norm2"].LayerNorm(C, Qwen3VlConfig.NormEps));
        var mlp = new Mlp(w["mlp"]["linear_fc1"].Linear(C, config.MlpWidth, bias: true), w["mlp"]["linear_fc2"].Linear(config.MlpWidth, C, bias: true), config.Activation);
        return new PatchBlock(w, C, config.Heads, norms, mlp);
    }

    /// <summary>Merges blocks of patches: a norm before or behind the merging, then two layers.</summary>
    private sealed class Merger
    {
        private readonly Nn.LayerNorm _norm;
        private readonly Mlp _mlp;
        private readonly bool _normsMerged;
        private readonly int _area;

        public Merger(WeightScope w, Qwen3VlConfig config, int area, bool normsMerged)
        {
            int C = config.Common.Width, merged = C * area;
            (_normsMerged, _area) = (normsMerged, area);
            _norm = w["norm"].LayerNorm(normsMerged ? merged : C, Qwen3VlConfig.NormEps);
            _mlp = new Mlp(w["linear_fc1"].Linear(merged, merged, bias: true), w["linear_fc2"].Linear(merged, config.Common.Text.Hidden, bias: true), ActivationKind.GeluErf);
        }

        public IReadOnlyList<Nn.Linear> Linears => _mlp.Linears;

        public bool Trains => Linears.Any(l => l.Trains) || _norm.Trains;

        public Tensor Forward(StepScope scope, Tensor x)
        {
            var merged = new Shape(x.Shape[0] / _area, x.Shape[1] * _area);
            x = _normsMerged ? _norm.Forward(scope, Reshape.Forward(scope, x, merged)) : Reshape.Forward(scope, _norm.Forward(scope, x), merged);
            return _mlp.Forward(scope, x);
        }
    }
}

/// <summary>Sizes of a Qwen3-VL model.</summary>
/// <param name="Common">Patches, decoder, tokens.</param>
/// <param name="Depth">Blocks of the tower.</param>
/// <param name="Heads">Heads of the tower.</param>
/// <param name="MlpWidth">Width of the tower's MLPs.</param>
/// <param name="Activation">Of the tower's MLPs.</param>
/// <param name="GridSide">Learned positions per side.</param>
/// <param name="DeepBlocks">Blocks whose features go to the first blocks of the decoder.</param>
public sealed record Qwen3VlConfig(
    GridModelConfig Common, int Depth, int Heads, int MlpWidth, ActivationKind Activation, int GridSide, IReadOnlyList<int> DeepBlocks)
{
    /// <summary>Of the tower's norms.</summary>
    public const float NormEps = 1e-6f;

    /// <summary>Patches and merge blocks of a vision config.</summary>
    /// <exception cref="InvalidDataException">A size is not positive.</exception>
    public static PatchShape PatchOf(ConfigSection v) => PatchShape.From(v, 16);

    /// <summary>Reads config.json.</summary>
    /// <exception cref="InvalidDataException">A key is missing or has an unusable value.</exception>
    public static Qwen3VlConfig From(ConfigSection c)
    {
        ConfigSection v = c.Section("vision_config");
        int width = v.Int("hidden_size", 1152), heads = v.Int("num_heads", 16), positions = v.Int("num_position_embeddings", 2304);
        int side = (int)Math.Round(Math.Sqrt(positions));
        if (heads < 1 || width % (4 * heads) != 0)
        {
            throw v.Wrong("num_heads", FormattableString.Invariant($"a number that makes heads of a multiple of 4 columns out of hidden_size ({width})"));
        }

        return side * side == positions
            ? new Qwen3VlConfig(
                GridModelConfig.From(c, "qwen3", width) with { Patch = PatchOf(v) }, v.Int("depth", 27), heads, v.Int("intermediate_size", 4304),
                Activations.Named(v, "hidden_act", "gelu_pytorch_tanh"), side, v.TryInts("deepstack_visual_indexes") ?? [8, 16, 24])
            : throw v.Wrong("num_position_embeddings", "a square number");
    }
}
