using Lorikeet.Models.Backbones;
using Lorikeet.Nn.Weights;
using Lorikeet.Tensors;
using Lorikeet.Tensors.Ops;
using Lorikeet.Tensors.Storage;

namespace Lorikeet.Models.Families;

/// <summary>
/// LLaVA-NeXT: a picture as an overview and a grid of tiles of one size, each through a CLIP or SigLIP tower and a projector; the tiles'
/// features are put together, cut to what the picture covers, and a learned vector ends each of their rows.
/// </summary>
/// <remarks>
/// Source: Liu et al. 2024, "LLaVA-NeXT: Improved reasoning, OCR, and world knowledge"; behaviour of transformers'
/// <c>LlavaNextForConditionalGeneration</c>. Checkpoints: llava-hf/llava-v1.6-mistral-7b-hf, llava-v1.6-vicuna-7b-hf and 13b-hf.
/// </remarks>
public sealed class LlavaNext : ProjectedModel
{
    private readonly LlavaNextConfig _config;
    private readonly VisionTower _tower;
    private readonly Param _newline;

    /// <summary>Builds the model.</summary>
    /// <param name="w">Root of the weights.</param>
    /// <param name="config">Sizes.</param>
    /// <param name="files">Files to close with the model, or null.</param>
    public LlavaNext(WeightScope w, LlavaNextConfig config, IDisposable? files)
        : this(w, config, new VisionTower(w["model.vision_tower"], config.Vision), files)
    {
    }

    private LlavaNext(WeightScope w, LlavaNextConfig config, VisionTower tower, IDisposable? files)
        : base(w, config.Common, config.Vision.Encoder.Hidden, files)
    {
        _config = config;
        _tower = tower;
        _newline = w["model"].Param("image_newline", new Shape(config.Common.Text.Hidden));
    }

    /// <inheritdoc/>
    protected override IReadOnlyList<KeyValuePair<Tower, string>> Outlying { get; } = [new(Tower.Connector, "model.image_newline")];

    /// <inheritdoc/>
    protected override bool TowerTrains => _tower.Trains || _newline.IsTrained;

    /// <inheritdoc/>
    protected override IReadOnlyList<int> RowsOfPictures(VisionInput vision) => [.. ((LlavaNextVision)vision).Grids.Select(g => g.FeatureRows)];

    /// <inheritdoc/>
    protected override long ProjectedRows(VisionInput vision) => (long)((LlavaNextVision)vision).Tiles.Count * _config.Vision.Patches;

    /// <inheritdoc/>
    protected override IEnumerable<FlopCount> TowerFlops(VisionInput vision) => _tower.Flops(((LlavaNextVision)vision).Tiles.Count, _config.Common.FeatureBlocks);

    /// <inheritdoc/>
    protected override Tensor PictureFeatures(StepScope scope, VisionInput vision, int first, int count)
    {
        var pictures = (LlavaNextVision)vision;
        LlavaNextGrid[] grids = [.. pictures.Grids.Skip(first).Take(count)];
        Tensor projected = ProjectedPictures(scope, _tower, pictures.Tiles, pictures.Grids.Take(first).Sum(g => g.Tiles), grids.Sum(g => g.Tiles));
        List<int> sources = [], places = [];
        int row = 0, tile = 0;
        foreach (LlavaNextGrid grid in grids)
        {
            foreach (int? source in grid.Sources())
            {
                if (source is { } from)
                {
                    sources.Add((tile * _config.Vision.Patches) + from);
                    places.Add(row);
                }

                row++;
            }

            tile += grid.Tiles;
        }

        // The newline everywhere, then the features over it.
        Tensor newlines = GatherRows.Forward(scope, _newline.Value, scope.From(new int[row]));
        return ReplaceRows.Forward(scope, newlines, GatherRows.Forward(scope, projected, scope.From([.. sources])), scope.From([.. places]));
    }
}

/// <summary>Pictures of a batch as tiles.</summary>
/// <param name="FeatureRows">Feature rows per sequence [B].</param>
/// <param name="Grids">How each picture is cut, in the order of their places in the text.</param>
/// <param name="Tiles">Of each picture the overview, then its tiles row by row.</param>
public sealed record LlavaNextVision(int[] FeatureRows, IReadOnlyList<LlavaNextGrid> Grids, TowerPictures Tiles) : VisionInput(FeatureRows);

/// <summary>Sizes of a LLaVA-NeXT model.</summary>
/// <param name="Vision">The tower.</param>
/// <param name="Common">Projector, decoder, tokens.</param>
/// <param name="Resolutions">Sizes in pixels that tiles may form together (<c>image_grid_pinpoints</c>).</param>
public sealed record LlavaNextConfig(VisionTowerConfig Vision, ProjectedModelConfig Common, IReadOnlyList<Imaging.PixelSize> Resolutions)
{
    /// <summary>Reads config.json.</summary>
    /// <exception cref="InvalidDataException">A key is missing or has an unusable value.</exception>
    public static LlavaNextConfig From(ConfigSection c)
    {
        VisionTowerConfig vision = VisionTowerConfig.OfModel(c);
        ProjectedModelConfig common = ProjectedModelConfig.From(c, vision.Encoder.Layers);
        if (common.DropsFirstRow != vision.HasClassToken)
        {
            throw c.Wrong("vision_feature_select_strategy", vision.HasClassToken
                ? "default: the tower's class token has no place in the grid of patches"
                : "full: every row of this tower is a patch of the grid");
        }

        return new LlavaNextConfig(vision, common, LlavaNextGrid.Resolutions(c, vision.Encoder.ImageSize));
    }
}
