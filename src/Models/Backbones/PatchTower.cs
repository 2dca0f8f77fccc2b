using Lorikeet.Nn;
using Lorikeet.Nn.Weights;
using Lorikeet.Tensors;
using Lorikeet.Tensors.Ops;

namespace Lorikeet.Models.Backbones;

/// <summary>
/// The blocks of a vision transformer over patches of any grid and, behind them, a merger: patches of a merge block side by side through
/// two layers. What differs between its kinds is which patches see each other.
/// </summary>
/// <remarks>Source: Wang et al. 2024 (Qwen2-VL); Bai et al. 2025 (Qwen2.5-VL); behaviour of transformers' vision models of both.</remarks>
internal abstract class PatchTower
{
    private readonly INorm _mergerNorm;
    private readonly Mlp _merger;

    /// <summary>Builds the blocks and the merger.</summary>
    /// <param name="w">Place of the tree that holds <c>blocks</c> and <c>merger</c>.</param>
    /// <param name="config">Sizes.</param>
    /// <param name="block">Makes a block at its place.</param>
    /// <param name="norm">Makes the merger's norm at its place.</param>
    protected PatchTower(WeightScope w, PatchTowerConfig config, Func<WeightScope, PatchBlock> block, Func<WeightScope, INorm> norm)
    {
        Config = config;
        Blocks = [.. Enumerable.Range(0, config.Depth).Select(i => block(w["blocks"][i]))];
        WeightScope merger = w["merger"];
        int merged = config.Width * config.MergeSize * config.MergeSize;
        _mergerNorm = norm(merger["ln_q"]);
        _merger = new Mlp(merger["mlp"][0].Linear(merged, merged, bias: true), merger["mlp"][2].Linear(merged, config.OutWidth, bias: true), ActivationKind.GeluErf);
    }

    /// <summary>Sizes.</summary>
    protected PatchTowerConfig Config { get; }

    /// <summary>The blocks.</summary>
    protected PatchBlock[] Blocks { get; }

    /// <summary>Whether anything here is trained.</summary>
    public bool Trains => Blocks.Any(b => b.Trains) || _merger.Linears.Any(l => l.Trains) || _mergerNorm.Trains;

    /// <summary>Features of pictures.</summary>
    /// <param name="pass">The pictures.</param>
    /// <param name="x">Embedded patches [P, C].</param>
    /// <returns>[M, OutWidth], in the order of merge blocks; random keys are set for these rows.</returns>
    public abstract Tensor Forward(GridPass pass, Tensor x);

    /// <summary>Multiply-adds of blocks and merger.</summary>
    public abstract IEnumerable<FlopCount> Flops(IReadOnlyList<PatchGrid> grids);

    /// <summary>The merger on patches [P, C], of which those of a merge block stand one behind the other.</summary>
    /// <returns>[P / MergeArea, OutWidth].</returns>
    protected Tensor Merge(GridPass pass, Tensor x, int[]? order = null)
    {
        pass.Observer?.Invoke("vision.last_hidden_state", x);
        x = Reshape.Forward(pass.Scope, _mergerNorm.Forward(pass.Scope, x), new Shape(x.Shape[0] / pass.MergeArea, x.Shape[1] * pass.MergeArea));
        pass.UseMergedKeys(order);
        return _merger.Forward(pass.Scope, x);
    }

    /// <summary>Multiply-adds of the merger.</summary>
    protected IEnumerable<FlopCount> MergerFlops(long patches) =>
        _merger.Linears.Select(l => FlopCount.Of(l, patches / (Config.MergeSize * Config.MergeSize)));
}

/// <summary>Sizes of a <see cref="PatchTower"/>.</summary>
/// <param name="Width">C.</param>
/// <param name="Depth">Blocks.</param>
/// <param name="Heads">H.</param>
/// <param name="MlpWidth">F.</param>
/// <param name="Activation">Of the MLPs.</param>
/// <param name="MergeSize">Edge of a merge block in patches.</param>
/// <param name="OutWidth">Width of the merged features.</param>
public record PatchTowerConfig(int Width, int Depth, int Heads, int MlpWidth, ActivationKind Activation, int MergeSize, int OutWidth)
{
    /// <summary>Of the norms.</summary>
    public const float NormEps = 1e-6f;

    /// <summary>D.</summary>
    public int HeadWidth => Width / Heads;

    /// <summary>Number of heads of a vision config.</summary>
    /// <exception cref="InvalidDataException">They don't fit the width.</exception>
    private protected static int HeadsOf(ConfigSection v, int width, string widthKey)
    {
        int heads = v.Int("num_heads", 16);
        return heads > 0 && width % (4 * heads) == 0
            ? heads
            : throw v.Wrong("num_heads", FormattableString.Invariant($"a number that makes heads of a multiple of 4 columns out of {widthKey} ({width})"));
    }
}
