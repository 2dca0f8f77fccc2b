using Lorikeet.Imaging;
using Lorikeet.Nn.Weights;
using Lorikeet.Tensors;

namespace Lorikeet.Models.Families;

/// <summary>Model types <c>idefics3</c> and <c>smolvlm</c> for the catalog.</summary>
internal sealed class SmolVlmFamily : Family
{
    public static readonly SmolVlmFamily Instance = new();

    /// <inheritdoc/>
    public override VisionLanguageModel Build(WeightScope weights, ConfigSection config, IDisposable? files) =>
        new SmolVlm(weights, SmolVlmConfig.From(config), files);

    /// <inheritdoc/>
    public override Processor Processor(ModelDirectory directory) => new SmolVlmInputs(directory);

    /// <summary>A tied head may be stored once more.</summary>
    public override bool MayIgnore(string key, ConfigSection config) =>
        key == "lm_head.weight" && config.Bool("tie_word_embeddings", false);
}

/// <summary>Conversations as input of <see cref="SmolVlm"/>.</summary>
internal sealed class SmolVlmInputs : Processor
{
    private readonly SmolVlmProcessor _pictures;
    private readonly SmolVlmProcessor _whole;
    private readonly int _patchSize;

    public SmolVlmInputs(ModelDirectory directory)
        : base(directory)
    {
        _pictures = SmolVlmProcessor.From(directory);
        _whole = new SmolVlmProcessor(_pictures.Settings with { DoImageSplitting = false });
        _patchSize = SmolVlmConfig.From(directory.Config).Vision.PatchSize;
    }

    /// <inheritdoc/>
    public override IReadOnlyDictionary<string, (Array Values, long[] Shape)> ReferenceImages(IReadOnlyList<EncodedSample> samples)
    {
        SmolVlmImages[] images = [.. samples.Select(ImagesOf)];
        if (images.All(i => i.TileCount == 0))
        {
            return new Dictionary<string, (Array, long[])>();
        }

        SmolVlmPixelBatch batch = SmolVlmImages.Pad(images);
        return new Dictionary<string, (Array, long[])>
        {
            ["pixel_values"] = (batch.PixelValues, [batch.Samples, batch.Tiles, 3, batch.TileSize, batch.TileSize]),
            ["pixel_attention_mask"] = (batch.PixelAttentionMask, [batch.Samples, batch.Tiles, batch.TileSize, batch.TileSize]),
        };
    }

    /// <inheritdoc/>
    public override IReadOnlyList<Image> Visible(EncodedSample sample) => ImagesOf(sample).Visible(new Normalizer(_pictures.Settings.Normalization));

    /// <inheritdoc/>
    protected override ImageLayout Layout(IReadOnlyList<PixelSize> sizes, ImageOptions options)
    {
        SmolVlmProcessor pictures = PicturesFor(options);
        return new SmolVlmLayout(_patchSize, pictures.Settings, [.. sizes.Select(size => pictures.Plan(size.Width, size.Height, options.LongestEdge))]);
    }

    /// <inheritdoc/>
    protected override object Pixels(IReadOnlyList<Image> images, ImageLayout layout, ImageOptions options) =>
        PicturesFor(options).Process(images, new SmolVlmImageOptions { Alpha = options.Alpha, LongestEdge = options.LongestEdge });

    /// <inheritdoc/>
    protected override object BlankPixels(IReadOnlyList<PixelSize> sizes, ImageLayout layout, ImageOptions options) =>
        new SmolVlmImages(_pictures.Settings.TileSize, [], ((SmolVlmLayout)layout).Grids);

    /// <inheritdoc/>
    protected override ExpandedText Expand(string text, ImageLayout? layout) => _pictures.ExpandText(text, ((SmolVlmLayout?)layout)?.Grids ?? []);

    /// <inheritdoc/>
    protected override VisionInput? CollateImages(IReadOnlyList<EncodedSample> samples, IReadOnlyList<ulong>? keys)
    {
        SmolVlmImages[] images = [.. samples.Select(ImagesOf)];
        return SmolVlmImages.ToVision(images, _patchSize, _pictures.Settings.ImageSeqLen, keys is null ? [] : PatchKeys(images, keys));
    }

    private long[] PatchKeys(SmolVlmImages[] images, IReadOnlyList<ulong> keys)
    {
        var all = new List<long>();
        for (int b = 0; b < images.Length; b++)
        {
            int side = images[b].TileSize / _patchSize;
            int patches = images[b].TileCount * side * side;
            for (int p = 0; p < patches; p++)
            {
                // Odd second part: never equal to the key of a token.
                all.Add((long)Rng.Key(keys[b], (ulong)p, 1));
            }
        }

        return [.. all];
    }

    private SmolVlmProcessor PicturesFor(ImageOptions options) => options.DoImageSplitting == false ? _whole : _pictures;

    private SmolVlmImages ImagesOf(EncodedSample sample) => (SmolVlmImages?)sample.Pixels ?? new SmolVlmImages(_pictures.Settings.TileSize, [], []);
}
