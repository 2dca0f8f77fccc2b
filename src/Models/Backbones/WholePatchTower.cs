using Lorikeet.Nn;
using Lorikeet.Nn.Weights;
using Lorikeet.Tensors;

namespace Lorikeet.Models.Backbones;

/// <summary>The tower of Qwen2-VL: all patches of a frame see each other; layer norms and plain MLPs.</summary>
/// <remarks>Source: Wang et al. 2024, "Qwen2-VL"; behaviour of transformers' <c>Qwen2VisionTransformerPretrainedModel</c>.</remarks>
/// <param name="w">Place of the tree that holds <c>blocks</c> and <c>merger</c>.</param>
/// <param name="config">Sizes.</param>
internal sealed class WholePatchTower(WeightScope w, WholePatchTowerConfig config)
    : PatchTower(w, config, scope => Block(scope, config), scope => scope.LayerNorm(config.Width, PatchTowerConfig.NormEps))
{
    /// <inheritdoc/>
    public override Tensor Forward(GridPass pass, Tensor x)
    {
        (int[] rows, int[] columns) = pass.Places();
        (Tensor, Tensor) angles = PatchBlock.Angles(pass.Scope, Config.HeadWidth, rows, columns);
        AttentionSegments segments = AttentionSegments.Of(pass.FrameLengths, causal: false);
        foreach (PatchBlock block in Blocks)
        {
            x = pass.Run(block, x, angles, segments);
        }

        return Merge(pass, x);
    }

    /// <inheritdoc/>
    public override IEnumerable<FlopCount> Flops(IReadOnlyList<PatchGrid> grids)
    {
        int[] lengths = GridPass.LengthsOf(grids);
        return Blocks.SelectMany(b => b.Flops(lengths)).Concat(MergerFlops(lengths.Sum(n => (long)n)));
    }

    private static PatchBlock Block(WeightScope w, WholePatchTowerConfig config)
    {
        int C = config.Width;
        (INorm, INorm) norms = (w["norm1"].LayerNorm(C, PatchTowerConfig.NormEps), w["norm2"].LayerNorm(C, PatchTowerConfig.NormEps));
        var mlp = new Mlp(w["mlp"]["fc1"].Linear(C, config.MlpWidth, bias: true), w["mlp"]["fc2"].Linear(config.MlpWidth, C, bias: true), config.Activation);
        return new PatchBlock(w, C, config.Heads, norms, mlp);
    }
}

/// <summary>Sizes of a <see cref="WholePatchTower"/>.</summary>
public sealed record WholePatchTowerConfig : PatchTowerConfig
{
    private WholePatchTowerConfig(PatchTowerConfig sizes)
        : base(sizes)
    {
    }

    /// <summary>Reads a vision config.</summary>
    /// <param name="v">The vision part of config.json.</param>
    /// <param name="outWidth">Width of the merged features.</param>
    /// <exception cref="InvalidDataException">A key has an unusable value.</exception>
    public static WholePatchTowerConfig From(ConfigSection v, int outWidth)
    {
        ArgumentNullException.ThrowIfNull(v);
        int width = v.Int("embed_dim", 1280), heads = HeadsOf(v, width, "embed_dim");
        return new WholePatchTowerConfig(new PatchTowerConfig(
            width, v.Int("depth", 32), heads, (int)(width * v.Double("mlp_ratio", 4)), Activations.Named(v, "hidden_act", "quick_gelu"), v.Int("spatial_merge_size", 2), outWidth));
    }
}
