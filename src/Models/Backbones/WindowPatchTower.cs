using Lorikeet.Nn;
using Lorikeet.Nn.Weights;
using Lorikeet.Tensors;
using Lorikeet.Tensors.Ops;

namespace Lorikeet.Models.Backbones;

/// <summary>
/// The tower of Qwen2.5-VL: most blocks attend inside square windows, with RMS norms and gated MLPs. Patches are put into the order of
/// windows before the first block and features back behind the merger.
/// </summary>
/// <remarks>Source: Bai et al. 2025, "Qwen2.5-VL technical report"; behaviour of transformers' <c>Qwen2_5_VisionTransformerPretrainedModel</c>.</remarks>
/// <param name="w">Place of the tree that holds <c>blocks</c> and <c>merger</c>.</param>
/// <param name="config">Sizes.</param>
internal sealed class WindowPatchTower(WeightScope w, WindowPatchTowerConfig config)
    : PatchTower(w, config, scope => Block(scope, config), scope => scope.RmsNorm(config.Width, PatchTowerConfig.NormEps))
{
    private readonly WindowPatchTowerConfig _config = config;

    /// <inheritdoc/>
    public override Tensor Forward(GridPass pass, Tensor x)
    {
        (int[] units, int[] windows) = Windows(pass.Grids);
        int[] order = [.. units.SelectMany(unit => Enumerable.Range(unit * pass.MergeArea, pass.MergeArea))];
        (int[] rows, int[] columns) = pass.Places();
        (Tensor, Tensor) angles = PatchBlock.Angles(pass.Scope, Config.HeadWidth, [.. order.Select(p => rows[p])], [.. order.Select(p => columns[p])]);
        AttentionSegments whole = AttentionSegments.Of(pass.FrameLengths, causal: false), inside = AttentionSegments.Of(windows, causal: false);
        x = GatherRows.Forward(pass.Scope, x, pass.Scope.From(order));
        pass.UsePatchKeys(order);
        for (int i = 0; i < Blocks.Length; i++)
        {
            x = pass.Run(Blocks[i], x, angles, _config.WholeBlocks.Contains(i) ? whole : inside);
        }

        x = Merge(pass, x, order);
        int[] back = new int[units.Length];
        for (int i = 0; i < units.Length; i++)
        {
            back[units[i]] = i;
        }

        pass.UseMergedKeys();
        return GatherRows.Forward(pass.Scope, x, pass.Scope.From(back));
    }

    /// <inheritdoc/>
    public override IEnumerable<FlopCount> Flops(IReadOnlyList<PatchGrid> grids)
    {
        int[] whole = GridPass.LengthsOf(grids), windows = Windows(grids).Lengths;
        return Blocks.SelectMany((b, i) => b.Flops(_config.WholeBlocks.Contains(i) ? whole : windows)).Concat(MergerFlops(whole.Sum(n => (long)n)));
    }

    /// <summary>Merge blocks in the order of windows, and the patches of each window.</summary>
    private (int[] Units, int[] Lengths) Windows(IReadOnlyList<PatchGrid> grids)
    {
        int merge = Config.MergeSize, side = _config.WindowSize / merge / _config.PatchSize, first = 0;
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

                        lengths.Add((units.Count - before) * merge * merge);
                    }
                }
            }
        }

        return ([.. units], [.. lengths]);
    }

    private static PatchBlock Block(WeightScope w, WindowPatchTowerConfig config)
    {
        int C = config.Width, F = config.MlpWidth;
        (INorm, INorm) norms = (w["norm1"].RmsNorm(C, PatchTowerConfig.NormEps), w["norm2"].RmsNorm(C, PatchTowerConfig.NormEps));
        WeightScope m = w["mlp"];
        var mlp = new GatedMlp(m["gate_proj"].Linear(C, F, bias: true), m["up_proj"].Linear(C, F, bias: true), m["down_proj"].Linear(F, C, bias: true), config.Activation);
        return new PatchBlock(w, C, config.Heads, norms, mlp);
    }
}

/// <summary>Sizes of a <see cref="WindowPatchTower"/>.</summary>
public sealed record WindowPatchTowerConfig : PatchTowerConfig
{
    private WindowPatchTowerConfig(PatchTowerConfig sizes)
        : base(sizes)
    {
    }

    /// <summary>Edge of a patch in pixels.</summary>
    public required int PatchSize { get; init; }

    /// <summary>Edge of a window in pixels.</summary>
    public required int WindowSize { get; init; }

    /// <summary>Blocks that attend to the whole picture.</summary>
    public required IReadOnlyList<int> WholeBlocks { get; init; }

    /// <summary>Reads a vision config.</summary>
    /// <param name="v">The vision part of config.json.</param>
    /// <param name="outWidth">Width of the merged features.</param>
    /// <exception cref="InvalidDataException">A key has an unusable value.</exception>
    public static WindowPatchTowerConfig From(ConfigSection v, int outWidth)
    {
        ArgumentNullException.ThrowIfNull(v);
        int width = v.Int("hidden_size", 3584), heads = HeadsOf(v, width, "hidden_size");
        int patch = v.Int("patch_size", 14), merge = v.Int("spatial_merge_size", 2), window = v.Int("window_size", 112);
        return window >= patch * merge
            ? new WindowPatchTowerConfig(new PatchTowerConfig(
                width, v.Int("depth", 32), heads, v.Int("intermediate_size", 3420), Activations.Named(v, "hidden_act", "silu"), merge, outWidth))
            {
                PatchSize = patch,
                WindowSize = window,
                WholeBlocks = v.TryInts("fullatt_block_indexes") ?? [7, 15, 23, 31],
            }
            : throw v.Wrong("window_size", FormattableString.Invariant($"at least {patch * merge} pixels, a merge block"));
    }
}
