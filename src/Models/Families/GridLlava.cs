using Lorikeet.Models.Backbones;
using Lorikeet.Nn.Weights;
using Lorikeet.Tensors;

namespace Lorikeet.Models.Families;

/// <summary>
/// The tower of a Qwen2-VL or Qwen2.5-VL model before any text model, joined by <c>compose</c>: pictures of any resolution, merged by the
/// tower's own merger; a two-layer projector on the merged features; a decoder that counts positions in one dimension, as the text model
/// learnt them, and reads the features in the place of image tokens.
/// </summary>
/// <remarks>
/// The tower: Wang et al. 2024 (Qwen2-VL), Bai et al. 2025 (Qwen2.5-VL). No program but this one has the combination. The merger stays with
/// the tower: what it learnt about putting four patches into one feature would else be lost, and a new projector alone learns from fewer
/// pictures.
/// </remarks>
public sealed class GridLlava : ProjectedModel
{
    private readonly PatchEmbedding _patches;
    private readonly PatchTower _tower;
    private readonly PatchShape _shape;

    /// <summary>Builds the model.</summary>
    /// <param name="w">Root of the weights.</param>
    /// <param name="config">Sizes.</param>
    /// <param name="files">Files to close with the model, or null.</param>
    public GridLlava(WeightScope w, GridLlavaConfig config, IDisposable? files)
        : base(w, config.Common, config.Tower.OutWidth, files)
    {
        WeightScope tower = w["model.vision_tower"];
        _shape = config.Patch;
        _patches = new PatchEmbedding(tower["patch_embed.proj"], config.Tower.Width, config.Patch, bias: false);
        _tower = config.Tower switch
        {
            WindowPatchTowerConfig windows => new WindowPatchTower(tower, windows),
            _ => new WholePatchTower(tower, (WholePatchTowerConfig)config.Tower),
        };
    }

    /// <inheritdoc/>
    protected override bool TowerTrains => _tower.Trains || _patches.Trains;

    /// <inheritdoc/>
    protected override IReadOnlyList<int> RowsOfPictures(VisionInput vision) => [.. ((GridVision)vision).Grids.Select(g => g.Count / _shape.MergeArea)];

    /// <inheritdoc/>
    protected override long ProjectedRows(VisionInput vision) => ((GridVision)vision).Grids.Sum(g => (long)g.Count) / _shape.MergeArea;

    /// <inheritdoc/>
    protected override Tensor PictureFeatures(StepScope scope, VisionInput vision, int first, int count)
    {
        (GridPass pass, Tensor x) = _patches.Open(scope, (GridVision)vision, first, count, this);
        return Project(scope, _tower.Forward(pass, x));
    }

    /// <inheritdoc/>
    protected override IEnumerable<FlopCount> TowerFlops(VisionInput vision)
    {
        IReadOnlyList<PatchGrid> grids = ((GridVision)vision).Grids;
        return _tower.Flops(grids).Prepend(_patches.Flops(grids));
    }
}

/// <summary>Sizes of a <see cref="GridLlava"/>.</summary>
/// <param name="Tower">The tower with its merger.</param>
/// <param name="Patch">Patches and merge blocks.</param>
/// <param name="Common">Projector, decoder, tokens.</param>
public sealed record GridLlavaConfig(PatchTowerConfig Tower, PatchShape Patch, ProjectedModelConfig Common)
{
    /// <summary>Model type of config.json.</summary>
    public const string ModelType = "lorikeet_grid_llava";

    /// <summary>Reads config.json.</summary>
    /// <exception cref="InvalidDataException">A key is missing or has an unusable value.</exception>
    public static GridLlavaConfig From(ConfigSection c)
    {
        ConfigSection vision = c.Section("vision_config");
        if (c.Has("vision_feature_layer"))
        {
            throw c.Wrong("vision_feature_layer", "nothing: features of this tower come from behind its merger");
        }

        PatchTowerConfig tower = vision.String("model_type") switch
        {
            "qwen2_vl" or "qwen2_vl_vision" => WholePatchTowerConfig.From(vision, vision.Int("hidden_size", 3584)),
            "qwen2_5_vl" or "qwen2_5_vl_vision" => WindowPatchTowerConfig.From(vision, vision.Int("out_hidden_size", 3584)),
            _ => throw vision.Wrong("model_type", "qwen2_vl_vision or qwen2_5_vl_vision"),
        };
        return new GridLlavaConfig(tower, PatchShape.From(vision), ProjectedModelConfig.From(c, tower.Depth));
    }
}
