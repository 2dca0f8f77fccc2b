using Lorikeet.Imaging;
using Lorikeet.Models.Backbones;
using Lorikeet.Nn.Weights;
using Lorikeet.Tensors;
using Lorikeet.Tensors.Ops;

namespace Lorikeet.Models;

/// <summary>
/// A CLIP or SigLIP vision tower by itself, with its image processor: pictures to features. It answers nothing and cannot be trained alone;
/// <see cref="Composing.ModelComposer"/> joins it with a text model.
/// </summary>
/// <remarks>
/// Behaviour of transformers' <c>CLIPVisionModel</c> and <c>SiglipVisionModel</c>. Features are per patch: CLIP's projection and SigLIP's
/// pooling head take no part.
/// </remarks>
public sealed class VisionModel : IDisposable
{
    private static readonly NameRule[] Renames = [new("vision_model.", "")];

    /// <summary>What whole models hold besides the tower, and what makes one vector of a picture.</summary>
    private static readonly string[] OtherParts = ["text_model.", "text_projection.", "visual_projection.", "logit_scale", "logit_bias", "head."];

    private readonly VisionTower _tower;
    private readonly ClipPictures _pictures;
    private readonly IDisposable? _files;

    private VisionModel(ModelDirectory directory, VisionTower tower, ModelParts parts, IDisposable? files)
    {
        _pictures = new ClipPictures(directory.ImageProcessorConfig);
        _pictures.RequireSize(tower.Config.Encoder.ImageSize);
        (Directory, _tower, Parts, _files) = (directory, tower, parts, files);
    }

    /// <summary>Where it came from.</summary>
    public ModelDirectory Directory { get; }

    /// <summary>All named tensors and linear layers, with the paths that they have in transformers' vision model.</summary>
    public ModelParts Parts { get; }

    /// <summary>Sizes: with CLIP a picture has one row more than patches, the class token's, which is the first.</summary>
    public VisionTowerConfig Config => _tower.Config;

    /// <summary>Features of pictures.</summary>
    /// <param name="scope">The running step.</param>
    /// <param name="images">At least one; each is resized and cropped as the directory's processor does it.</param>
    /// <param name="layer">
    /// The hidden states to take: 0 for the embedded patches, then one for each block, counted from the end where negative, as
    /// <c>vision_feature_layer</c> counts; null for the reference's <c>last_hidden_state</c>, behind which SigLIP has a norm.
    /// </param>
    /// <param name="options">Treatment of pictures; null for the reference's.</param>
    /// <returns>[N, R, C], R being patches and, with CLIP, the class token before them.</returns>
    /// <exception cref="InvalidDataException">A picture cannot be used.</exception>
    /// <exception cref="ArgumentOutOfRangeException">There is no such layer.</exception>
    public Tensor Features(StepScope scope, IReadOnlyList<Image> images, int? layer = null, ImageOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(scope);
        ArgumentNullException.ThrowIfNull(images);
        ArgumentOutOfRangeException.ThrowIfZero(images.Count);
        int L = Config.Encoder.Layers, blocks = layer is null ? L : layer.Value < 0 ? L + 1 + layer.Value : layer.Value;
        if (blocks < 0 || blocks > L)
        {
            throw new ArgumentOutOfRangeException(nameof(layer), layer, FormattableString.Invariant($"expected {-L - 1} to {L}"));
        }

        options ??= new ImageOptions();
        int edge = Config.Encoder.ImageSize;
        float[] pixels = new float[checked(images.Count * 3 * edge * edge)];
        for (int i = 0; i < images.Count; i++)
        {
            _pictures.Write(options.Prepare(images[i]), options.Alpha, pixels.AsSpan(i * 3 * edge * edge, 3 * edge * edge));
        }

        TowerPictures pictures = TowerPictures.Of(Config, [pixels], null);
        Tensor x = _tower.Forward(scope, scope.From(pictures.Patches, new Shape(images.Count * Config.Patches, Config.Encoder.PatchWidth)), [blocks], checkpoint: false);
        return Reshape.Forward(scope, layer is null ? _tower.Last(scope, x) : x, new Shape(images.Count, Config.Rows, Config.Encoder.Hidden));
    }

    /// <inheritdoc/>
    public void Dispose() => _files?.Dispose();

    /// <summary>Loads a tower; see <see cref="ModelCatalog.LoadVision"/>.</summary>
    internal static VisionModel Load(ModelDirectory directory, Parameters parameters)
    {
        WeightSet files = directory.OpenWeights();
        try
        {
            var source = new FileWeights(files, parameters, Renames);
            var scope = new WeightScope(source);
            var tower = new VisionTower(scope, VisionTowerConfig.OfDirectory(directory));
            bool isWhole = directory.Config.TrySection("vision_config") is not null;
            source.RequireAllUsed(key => VisionTower.MayIgnore(key) || IsOther(key, isWhole));
            return new VisionModel(directory, tower, scope.Parts, files);
        }
        catch
        {
            files.Dispose();
            throw;
        }
    }

    private static bool IsOther(string key, bool isWhole) =>
        (isWhole ? OtherParts : ["visual_projection.", "head."]).Any(part => key.StartsWith(part, StringComparison.Ordinal));
}
