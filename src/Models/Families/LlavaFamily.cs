using Lorikeet.Imaging;
using Lorikeet.Models.Backbones;
using Lorikeet.Nn.Weights;

namespace Lorikeet.Models.Families;

/// <summary>Model type <c>llava</c> for the catalog.</summary>
internal sealed class LlavaFamily : Family
{
    public static readonly LlavaFamily Instance = new();

    /// <inheritdoc/>
    public override IReadOnlyList<NameRule> Renames => ProjectedModel.OlderNames;

    /// <inheritdoc/>
    public override VisionLanguageModel Build(WeightScope weights, ConfigSection config, IDisposable? files) => new Llava(weights, LlavaConfig.From(config), files);

    /// <inheritdoc/>
    public override Processor Processor(ModelDirectory directory) => new LlavaInputs(directory);

    /// <inheritdoc/>
    public override bool MayIgnore(string key, ConfigSection config) => VisionTower.MayIgnore(key) || (IsHead(key) && LlavaConfig.From(config).Common.TieWordEmbeddings);
}

/// <summary>Conversations as input of <see cref="Llava"/>.</summary>
internal sealed class LlavaInputs : Processor
{
    private readonly SquarePictures _pictures;
    private readonly LlavaConfig _config;
    private readonly string _imageToken;

    public LlavaInputs(ModelDirectory directory)
        : base(directory)
    {
        _config = LlavaConfig.From(directory.Config);
        var pictures = new ClipPictures(directory.ImageProcessorConfig);
        pictures.RequireSize(_config.Vision.Encoder.ImageSize);
        _pictures = new SquarePictures(pictures, _config.Vision.Encoder.ImageSize);
        _imageToken = directory.ProcessorConfig?.TryString("image_token") ?? directory.SpecialTokens.GetValueOrDefault("image_token", "<image>");
    }

    /// <inheritdoc/>
    public override IReadOnlyDictionary<string, (Array Values, long[] Shape)> ReferenceImages(IReadOnlyList<EncodedSample> samples) => _pictures.Reference(samples);

    /// <inheritdoc/>
    public override IReadOnlyList<Image> Visible(EncodedSample sample) => _pictures.Visible(sample);

    /// <inheritdoc/>
    protected override ImageLayout Layout(IReadOnlyList<PixelSize> sizes, ImageOptions options) => new LlavaLayout(_config, sizes.Count);

    /// <inheritdoc/>
    protected override object Pixels(IReadOnlyList<Image> images, ImageLayout layout, ImageOptions options) => _pictures.Make(images, options);

    /// <inheritdoc/>
    protected override object BlankPixels(IReadOnlyList<PixelSize> sizes, ImageLayout layout, ImageOptions options) => _pictures.Blank(sizes.Count);

    /// <inheritdoc/>
    protected override ExpandedText Expand(string text, ImageLayout? layout) =>
        ExpandedText.Replace(text, _imageToken, layout?.Pictures.Count ?? 0, _ => ExpandedText.Repeat(_imageToken, _config.FeatureRows));

    /// <inheritdoc/>
    protected override VisionInput? CollateImages(IReadOnlyList<EncodedSample> samples, IReadOnlyList<ulong>? keys)
    {
        TowerPictures pictures = TowerPictures.Of(_config.Vision, [.. samples.Select(SquarePictures.Of)], keys);
        return pictures.Count == 0 ? null : new LlavaVision([.. samples.Select(s => s.ImageCount * _config.FeatureRows)], pictures);
    }
}

/// <summary>Pictures of one size each.</summary>
/// <param name="Config">Sizes of the model.</param>
/// <param name="Count">Number of pictures.</param>
internal sealed record LlavaLayout(LlavaConfig Config, int Count) : ImageLayout
{
    /// <inheritdoc/>
    public override IReadOnlyList<PictureShape> Pictures =>
        [.. Enumerable.Repeat(new PictureShape(Config.Vision.Encoder.ImageSize, Config.Vision.Encoder.ImageSize, Config.FeatureRows, Config.Vision.Patches), Count)];
}
