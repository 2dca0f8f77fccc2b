using Lorikeet.Imaging;
using Lorikeet.Models.Backbones;
using Lorikeet.Nn.Weights;
using Lorikeet.Tensors;

namespace Lorikeet.Models.Families;

/// <summary>Model type <c>llava</c> for the catalog.</summary>
internal sealed class LlavaFamily : Family
{
    public static readonly LlavaFamily Instance = new();

    /// <summary>Names of transformers 4: before and after its version 4.52.</summary>
    public override IReadOnlyList<NameRule> Renames { get; } =
    [
        new("language_model.lm_head", "lm_head"),
        new("language_model.model.", "model.language_model."),
        new("multi_modal_projector.", "model.multi_modal_projector."),
        new("vision_tower.vision_model.", "model.vision_tower."),
        new("model.vision_tower.vision_model.", "model.vision_tower."),
    ];

    /// <inheritdoc/>
    public override VisionLanguageModel Build(WeightScope weights, ConfigSection config, IDisposable? files) => new Llava(weights, LlavaConfig.From(config), files);

    /// <inheritdoc/>
    public override Processor Processor(ModelDirectory directory) => new LlavaInputs(directory);

    /// <summary>A tied head may be stored once more; SigLIP's pooling head and the table of positions take no part in the features.</summary>
    public override bool MayIgnore(string key, ConfigSection config) =>
        (key.EndsWith("lm_head.weight", StringComparison.Ordinal) && LlavaConfig.From(config).TieWordEmbeddings)
        || key.Contains("vision_model.head.", StringComparison.Ordinal)
        || key.Contains("vision_tower.head.", StringComparison.Ordinal)
        || key.EndsWith("embeddings.position_ids", StringComparison.Ordinal);
}

/// <summary>Conversations as input of <see cref="Llava"/>.</summary>
internal sealed class LlavaInputs : Processor
{
    private readonly ClipPictures _pictures;
    private readonly LlavaConfig _config;
    private readonly string _imageToken;

    public LlavaInputs(ModelDirectory directory)
        : base(directory)
    {
        _config = LlavaConfig.From(directory.Config);
        _pictures = new ClipPictures(directory.ImageProcessorConfig);
        _pictures.RequireSize(_config.Vision.Encoder.ImageSize);
        _imageToken = directory.ProcessorConfig?.TryString("image_token") ?? directory.SpecialTokens.GetValueOrDefault("image_token", "<image>");
    }

    private int Edge => _config.Vision.Encoder.ImageSize;

    private int ValuesPerPicture => 3 * Edge * Edge;

    /// <inheritdoc/>
    public override IReadOnlyDictionary<string, (Array Values, long[] Shape)> ReferenceImages(IReadOnlyList<EncodedSample> samples)
    {
        float[] pixels = [.. samples.SelectMany(PixelsOf)];
        return pixels.Length == 0
            ? new Dictionary<string, (Array, long[])>()
            : new Dictionary<string, (Array, long[])> { ["pixel_values"] = (pixels, [pixels.Length / ValuesPerPicture, 3, Edge, Edge]) };
    }

    /// <inheritdoc/>
    public override IReadOnlyList<Image> Visible(EncodedSample sample) =>
        [.. PixelsOf(sample).Chunk(ValuesPerPicture).Select(pixels => _pictures.Visible(pixels, Edge))];

    /// <inheritdoc/>
    protected override ImageLayout Layout(IReadOnlyList<PixelSize> sizes, ImageOptions options) => new LlavaLayout(_config, sizes.Count);

    /// <inheritdoc/>
    protected override object Pixels(IReadOnlyList<Image> images, ImageLayout layout, ImageOptions options)
    {
        float[] pixels = new float[checked(images.Count * ValuesPerPicture)];
        for (int i = 0; i < images.Count; i++)
        {
            Image image = options.LongestEdge is { } edge ? Resize.Thumbnail(images[i].ToRgb(options.Alpha), edge, edge) : images[i];
            _pictures.Write(image, options.Alpha, pixels.AsSpan(i * ValuesPerPicture, ValuesPerPicture));
        }

        return pixels;
    }

    /// <inheritdoc/>
    protected override object BlankPixels(IReadOnlyList<PixelSize> sizes, ImageLayout layout, ImageOptions options) => new float[checked(sizes.Count * ValuesPerPicture)];

    /// <inheritdoc/>
    protected override ExpandedText Expand(string text, ImageLayout? layout) =>
        ExpandedText.Replace(text, _imageToken, layout?.Pictures.Count ?? 0, _ => ExpandedText.Repeat(_imageToken, _config.FeatureRows));

    /// <inheritdoc/>
    protected override VisionInput? CollateImages(IReadOnlyList<EncodedSample> samples, IReadOnlyList<ulong>? keys)
    {
        int pictures = samples.Sum(s => s.ImageCount);
        if (pictures == 0)
        {
            return null;
        }

        int patch = _config.Vision.Encoder.PatchSize;
        float[] patches = new float[checked(pictures * ValuesPerPicture)];
        var rowKeys = new List<long>();
        int done = 0;
        for (int b = 0; b < samples.Count; b++)
        {
            float[] pixels = PixelsOf(samples[b]);
            for (int i = 0; i < samples[b].ImageCount; i++, done++)
            {
                Patches.Extract(pixels.AsSpan(i * ValuesPerPicture, ValuesPerPicture), 3, Edge, Edge, (patch, patch), patches.AsSpan(done * ValuesPerPicture, ValuesPerPicture));
            }

            for (int row = 0; keys is not null && row < samples[b].ImageCount * _config.Vision.Rows; row++)
            {
                // Odd second part: never equal to the key of a token.
                rowKeys.Add((long)Rng.Key(keys[b], (ulong)row, 1));
            }
        }

        return new LlavaVision([.. samples.Select(s => s.ImageCount * _config.FeatureRows)], pictures, patches, [.. rowKeys]);
    }

    private static float[] PixelsOf(EncodedSample sample) => (float[]?)sample.Pixels ?? [];
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
