using Lorikeet.Models.Backbones;
using Lorikeet.Nn.Weights;
using Lorikeet.Tensors;

namespace Lorikeet.Models.Families;

/// <summary>
/// LLaVA: a CLIP or SigLIP tower over pictures of one size, a two-layer projector on the hidden states of one or some of its layers,
/// and a decoder that reads the features in the place of image tokens.
/// </summary>
/// <remarks>
/// Source: Liu et al. 2023, "Visual instruction tuning" and "Improved baselines with visual instruction tuning"; behaviour of
/// transformers' <c>LlavaForConditionalGeneration</c>. Checkpoints: llava-hf/llava-1.5-7b-hf and 13b-hf, and compositions of CLIP or
/// SigLIP with Llama, Mistral, Qwen2 or Phi-3.
/// </remarks>
public sealed class Llava : ProjectedModel
{
    private readonly LlavaConfig _config;
    private readonly VisionTower _tower;

    /// <summary>Builds the model.</summary>
    /// <param name="w">Root of the weights.</param>
    /// <param name="config">Sizes.</param>
    /// <param name="files">Files to close with the model, or null.</param>
    public Llava(WeightScope w, LlavaConfig config, IDisposable? files)
        : this(w, config, new VisionTower(w["model.vision_tower"], config.Vision), files)
    {
    }

    private Llava(WeightScope w, LlavaConfig config, VisionTower tower, IDisposable? files)
        : base(w, config.Common, config.Vision.Encoder.Hidden, files)
    {
        _config = config;
        _tower = tower;
    }

    /// <inheritdoc/>
    protected override bool TowerTrains => _tower.Trains;

    /// <inheritdoc/>
    protected override IReadOnlyList<int> RowsOfPictures(VisionInput vision) => [.. Enumerable.Repeat(_config.FeatureRows, ((LlavaVision)vision).Pictures.Count)];

    /// <inheritdoc/>
    protected override long ProjectedRows(VisionInput vision) => (long)((LlavaVision)vision).Pictures.Count * _config.FeatureRows;

    /// <inheritdoc/>
    protected override Tensor PictureFeatures(StepScope scope, VisionInput vision, int first, int count) =>
        ProjectedPictures(scope, _tower, ((LlavaVision)vision).Pictures, first, count);

    /// <inheritdoc/>
    protected override IEnumerable<FlopCount> TowerFlops(VisionInput vision) => _tower.Flops(((LlavaVision)vision).Pictures.Count, _config.Common.FeatureBlocks);
}

/// <summary>Pictures of a batch as patches.</summary>
/// <param name="FeatureRows">Feature rows per sequence [B].</param>
/// <param name="Pictures">The pictures.</param>
public sealed record LlavaVision(int[] FeatureRows, TowerPictures Pictures) : VisionInput(FeatureRows);

/// <summary>Sizes of a LLaVA model.</summary>
/// <param name="Vision">The tower.</param>
/// <param name="Common">Projector, decoder, tokens.</param>
public sealed record LlavaConfig(VisionTowerConfig Vision, ProjectedModelConfig Common)
{
    /// <summary>Feature rows of a picture.</summary>
    public int FeatureRows => Vision.Rows - (Common.DropsFirstRow ? 1 : 0);

    /// <summary>Reads config.json.</summary>
    /// <exception cref="InvalidDataException">A key is missing or has an unusable value.</exception>
    public static LlavaConfig From(ConfigSection c)
    {
        VisionTowerConfig vision = VisionTowerConfig.OfModel(c);
        return new LlavaConfig(vision, ProjectedModelConfig.From(c, vision.Encoder.Layers));
    }
}
