using Lorikeet.Models.Backbones;
using Lorikeet.Nn.Weights;
using Lorikeet.Tensors;

namespace Lorikeet.Models.Families;

/// <summary>
/// Qwen2.5-VL: as its predecessor, but most blocks of the tower attend inside square windows, with RMS norms and gated MLPs.
/// </summary>
/// <remarks>
/// Source: Bai et al. 2025, "Qwen2.5-VL technical report"; behaviour of transformers' <c>Qwen2_5_VLForConditionalGeneration</c>.
/// Checkpoints: Qwen/Qwen2.5-VL-3B/7B/32B/72B-Instruct.
/// </remarks>
public sealed class Qwen25Vl : GridVisionModel
{
    private readonly WindowPatchTower _tower;

    /// <summary>Builds the model.</summary>
    /// <param name="w">Root of the weights.</param>
    /// <param name="config">Sizes.</param>
    /// <param name="files">Files to close with the model, or null.</param>
    public Qwen25Vl(WeightScope w, Qwen25VlConfig config, IDisposable? files)
        : base(w, config.Common, patchBias: false, files) => _tower = new WindowPatchTower(w["model.visual"], config.Tower);

    /// <inheritdoc/>
    protected override bool TowerTrains => _tower.Trains;

    /// <inheritdoc/>
    private protected override IReadOnlyList<Tensor> TowerFeatures(GridPass pass, Tensor x) => [_tower.Forward(pass, x)];

    /// <inheritdoc/>
    protected override IEnumerable<FlopCount> TowerFlops(IReadOnlyList<PatchGrid> grids) => _tower.Flops(grids);
}

/// <summary>Sizes of a Qwen2.5-VL model.</summary>
/// <param name="Common">Patches, decoder, tokens.</param>
/// <param name="Tower">The tower.</param>
public sealed record Qwen25VlConfig(GridModelConfig Common, WindowPatchTowerConfig Tower)
{
    /// <summary>Reads config.json.</summary>
    /// <exception cref="InvalidDataException">A key is missing or has an unusable value.</exception>
    public static Qwen25VlConfig From(ConfigSection c)
    {
        ConfigSection vision = c.Section("vision_config");
        GridModelConfig common = GridModelConfig.From(c, "qwen2", vision.Int("hidden_size", 3584));
        return new Qwen25VlConfig(common, WindowPatchTowerConfig.From(vision, common.Text.Hidden));
    }
}
