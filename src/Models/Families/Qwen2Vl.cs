using Lorikeet.Models.Backbones;
using Lorikeet.Nn.Weights;
using Lorikeet.Tensors;

namespace Lorikeet.Models.Families;

/// <summary>
/// Qwen2-VL: pictures of any resolution as patches with rotary positions on two axes, 2 x 2 patches merged into one feature, a Qwen2
/// decoder with positions on three axes.
/// </summary>
/// <remarks>
/// Source: Wang et al. 2024, "Qwen2-VL: Enhancing vision-language model's perception of the world at any resolution"; behaviour of
/// transformers' <c>Qwen2VLForConditionalGeneration</c>. Checkpoints: Qwen/Qwen2-VL-2B/7B/72B-Instruct.
/// </remarks>
public sealed class Qwen2Vl : GridVisionModel
{
    private readonly WholePatchTower _tower;

    /// <summary>Builds the model.</summary>
    /// <param name="w">Root of the weights.</param>
    /// <param name="config">Sizes.</param>
    /// <param name="files">Files to close with the model, or null.</param>
    public Qwen2Vl(WeightScope w, Qwen2VlConfig config, IDisposable? files)
        : base(w, config.Common, patchBias: false, files) => _tower = new WholePatchTower(w["model.visual"], config.Tower);

    /// <inheritdoc/>
    protected override bool TowerTrains => _tower.Trains;

    /// <inheritdoc/>
    private protected override IReadOnlyList<Tensor> TowerFeatures(GridPass pass, Tensor x) => [_tower.Forward(pass, x)];

    /// <inheritdoc/>
    protected override IEnumerable<FlopCount> TowerFlops(IReadOnlyList<PatchGrid> grids) => _tower.Flops(grids);
}

/// <summary>Sizes of a Qwen2-VL model.</summary>
/// <param name="Common">Patches, decoder, tokens.</param>
/// <param name="Tower">The tower.</param>
public sealed record Qwen2VlConfig(GridModelConfig Common, WholePatchTowerConfig Tower)
{
    /// <summary>Reads config.json.</summary>
    /// <exception cref="InvalidDataException">A key is missing or has an unusable value.</exception>
    public static Qwen2VlConfig From(ConfigSection c)
    {
        ConfigSection vision = c.Section("vision_config");
        GridModelConfig common = GridModelConfig.From(c, "qwen2", vision.Int("embed_dim", 1280));
        return new Qwen2VlConfig(common, WholePatchTowerConfig.From(vision, common.Text.Hidden));
    }
}
