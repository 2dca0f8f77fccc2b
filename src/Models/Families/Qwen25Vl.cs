using Lorikeet.Models.Backbones;
using Lorikeet.Nn;
using Lorikeet.Nn.Weights;
using Lorikeet.Tensors;
using Lorikeet.Tensors.Ops;

namespace Lorikeet.Models.Families;

/// <summary>
/// Qwen2.5-VL: as its predecessor, but most blocks of the tower attend inside square windows, with RMS norms and gated MLPs. Patches are
/// put into the order of windows before the first block and features back behind the merger.
/// </summary>
/// <remarks>
/// Source: Bai et al. 2025, "Qwen2.5-VL technical report"; behaviour of transformers' <c>Qwen2_5_VLForConditionalGeneration</c>.
/// Checkpoints: Qwen/Qwen2.5-VL-3B/7B/32B/72B-Instruct. Known deviation: no video.
/// </remarks>
public sealed class Qwen25Vl : GridVisionModel
{
    private readonly Qwen25VlConfig _config;
    private readonly PatchBlock[] _blocks;
    private readonly Nn.RmsNorm _mergerNorm;
    private readonly Mlp _merger;

    /// <summary>Builds the model.</summary>
    /// <param name="w">Root of the weights.</param>
    /// <param name="config">Sizes.</param>
    /// <param name="files">Files to close with the model, or null.</param>
    public Qwen25Vl(WeightScope w, Qwen25VlConfig config, IDisposable? files)
        : base(w, config.Common, patchBias: false, files)
    {
        _config = config;
        int C = config.Common.Width, merged = C * MergeArea;
        WeightScope visual = w["model.visual"], merger = visual["merger"];
        _blocks = [.. Enumerable.Range(0, config.Depth).Select(i => Block(visual["blocks"][i], config))];
        _mergerNorm = merger["ln_q"].RmsNorm(C, Qwen25VlConfig.NormEps);
        _merger = new Mlp(merger["mlp"][0].Linear(merged, merged, bias: true), merger["mlp"][2].Linear(merged, config.Common.Text.Hidden, bias: true), ActivationKind.GeluErf);
    }

    /// <inheritdoc/>
    protected override bool TowerTrains => _blocks.Any(b => b.Trains) || _merger.Linears.Any(l => l.Trains) || _mergerNorm.Weight.IsTrained;

    /// <inheritdoc/>
    protected override IReadOnlyList<Tensor> TowerFeatures(StepScope scope, Tensor x, IReadOnlyList<PatchGrid> grids)
    {
        (int[] units, int[] windows) = Windows(grids);
        int[] order = [.. units.SelectMany(unit => Enumerable.Range(unit * MergeArea, MergeArea))];
        (int[] rows, int[] columns) = Places(grids);
        (Tensor, Tensor) angles = PatchBlock.Angles(scope, _config.Common.Width / _config.Heads, [.. order.Select(p => rows[p])], [.. order.Select(p => columns[p])]);
        AttentionSegments whole = AttentionSegments.Of(FrameLengths(grids), causal: false), inside = AttentionSegments.Of(windows, causal: false);
        x = GatherRows.Forward(scope, x, scope.From(order));
        UsePatchKeys(scope, order);
        for (int i = 0; i < _blocks.Length; i++)
        {
            x = Run(scope, _blocks[i], x, angles, _config.WholeBlocks.Contains(i) ? whole : inside);
        }

        Observer?.Invoke("vision.last_hidden_state", x);
        x = Reshape.Forward(scope, _mergerNorm.Forward(scope, x), new Shape(units.Length, _config.Common.Width * MergeArea));
        UseMergedKeys(scope, order);
        x = _merger.Forward(scope, x);
        int[] back = new int[units.Length];
        for (int i = 0; i < units.Length; i++)
        {
            back[units[i]] = i;
        }

        return [GatherRows.Forward(scope, x, scope.From(back))];
    }

    /// <inheritdoc/>
    protected override IEnumerable<FlopCount> TowerFlops(IReadOnlyList<PatchGrid> grids)
    {
        int[] whole = FrameLengths(grids), windows = Windows(grids).Lengths;
        return _blocks.SelectMany((b, i) => b.Flops(_config.WholeBlocks.Contains(i) ? whole : windows))
            .Concat(_merger.Linears.Select(l => FlopCount.Of(l, whole.Sum(n => (long)n) / MergeArea)));
    }

    /// <summary>Merge blocks in the order of windows, and the patches of each window.</summary>
    private (int[] Units, int[] Lengths) Windows(IReadOnlyList<PatchGrid> grids)
    {
        int merge = _config.Common.MergeSize, side = _config.WindowSize / merge / _config.Common.PatchSize, first = 0;
        var units = new List<int>();
        var lengths = new List<int>();
        foreach (PatchGrid grid in grids)
        {
            int rows = grid.Rows / merge, columns = grid.Columns / merge;
            for (int frame = 0; frame < grid.Frames; frame++, first += rows * columns)
            {
                for (int top = 0; top < rows; top += side)
                {
                    for (int left = 0; left < columns; left += side)
                    {
                        int before = units.Count;
                        for (int row = top; row < Math.Min(top + side, rows); row++)
                        {
                            for (int column = left; column < Math.Min(left + side, columns); column++)
                            {
                                units.Add(first + (row * columns) + column);
                            }
                        }

                        lengths.Add((units.Count - before) * MergeArea);
                    }
                }
            }
        }

        return ([.. units], [.. lengths]);
    }

    private static PatchBlock Block(WeightScope w, Qwen25VlConfig config)
    {
        int C = config.Common.Width, F = config.MlpWidth;
        (INorm, INorm) norms = (w["norm1"].RmsNorm(C, Qwen25VlConfig.NormEps), w["norm2"].RmsNorm(C, Qwen25VlConfig.NormEps));
        WeightScope m = w["mlp"];
        var mlp = new GatedMlp(m["gate_proj"].Linear(C, F, bias: true), m["up_proj"].Linear(C, F, bias: true), m["down_proj"].Linear(F, C, bias: true), config.Activation);
        return new PatchBlock(w, C, config.Heads, norms, mlp);
    }
}

/// <summary>Sizes of a Qwen2.5-VL model.</summary>
/// <param name="Common">Patches, decoder, tokens.</param>
/// <param name="Depth">Blocks of the tower.</param>
/// <param name="Heads">Heads of the tower.</param>
/// <param name="MlpWidth">Width of the tower's MLPs.</param>
/// <param name="Activation">Of the tower's MLPs.</param>
/// <param name="WindowSize">Edge of a window in pixels.</param>
/// <param name="WholeBlocks">Blocks that attend to the whole picture.</param>
public sealed record Qwen25VlConfig(
    GridModelConfig Common, int Depth, int Heads, int MlpWidth, ActivationKind Activation, int WindowSize, IReadOnlyList<int> WholeBlocks)
{
    /// <summary>Of the tower's norms.</summary>
    public const float NormEps = 1e-6f;

    /// <summary>Reads config.json.</summary>
    /// <exception cref="InvalidDataException">A key is missing or has an unusable value.</exception>
    public static Qwen25VlConfig From(ConfigSection c)
    {
        ConfigSection v = c.Section("vision_config");
        int width = v.Int("hidden_size", 1280), heads = v.Int("num_heads", 16), window = v.Int("window_size", 112);
        if (heads < 1 || width % (4 * heads) != 0)
        {
            throw v.Wrong("num_heads", FormattableString.Invariant($"a number that makes heads of a multiple of 4 columns out of hidden_size ({width})"));
        }

        GridModelConfig common = GridModelConfig.From(c, "qwen2", width);
        return window >= common.PatchSize * common.MergeSize
            ? new Qwen25VlConfig(common, v.Int("depth", 32), heads, v.Int("intermediate_size", 3420), Activations.Named(v, "hidden_act", "silu"), window, v.TryInts("fullatt_block_indexes") ?? [7, 15, 23, 31])
            : throw v.Wrong("window_size", FormattableString.Invariant($"at least {common.PatchSize * common.MergeSize} pixels, a merge block"));
    }
}
