using Lorikeet.Imaging;
using Lorikeet.Nn.Weights;
using Lorikeet.Tensors;

namespace Lorikeet.Models.Families;

/// <summary>Model type <c>mllama</c> for the catalog.</summary>
internal sealed class MllamaFamily : Family
{
    public static readonly MllamaFamily Instance = new();

    /// <summary>Names of published checkpoints.</summary>
    public override IReadOnlyList<NameRule> Renames { get; } =
    [
        new("language_model.lm_head", "lm_head"),
        new("language_model.model.", "model.language_model."),
        new("multi_modal_projector.", "model.multi_modal_projector."),
        new("vision_model.", "model.vision_model."),
    ];

    /// <inheritdoc/>
    public override VisionLanguageModel Build(WeightScope weights, ConfigSection config, IDisposable? files) => new Mllama(weights, MllamaConfig.From(config), files);

    /// <inheritdoc/>
    public override Processor Processor(ModelDirectory directory) => new MllamaInputs(directory);
}

/// <summary>Conversations as input of <see cref="Mllama"/>.</summary>
internal sealed class MllamaInputs : Processor
{
    private readonly MllamaConfig _config;
    private readonly MllamaTiles _tiles;
    private readonly string _imageToken;

    public MllamaInputs(ModelDirectory directory)
        : base(directory)
    {
        _config = MllamaConfig.From(directory.Config);
        _tiles = new MllamaTiles(directory.ImageProcessorConfig, _config.Vision);
        _imageToken = directory.ProcessorConfig?.TryString("image_token") ?? directory.SpecialTokens.GetValueOrDefault("image_token", "<|image|>");
        if (Tokenizer.TokenToId(_imageToken) != _config.ImageTokenId)
        {
            throw new InvalidDataException(FormattableString.Invariant(
                $"{directory.TokenizerPath}: the token {_imageToken} must have the id {_config.ImageTokenId} (image_token_index of config.json), it has {Tokenizer.TokenToId(_imageToken)?.ToString(System.Globalization.CultureInfo.InvariantCulture) ?? "none"}. The file belongs to another model."));
        }
    }

    private int ValuesPerPicture => _config.Vision.Tiles * _config.Vision.TileValues;

    /// <inheritdoc/>
    public override IReadOnlyDictionary<string, (Array Values, long[] Shape)> ReferenceImages(IReadOnlyList<EncodedSample> samples)
    {
        int B = samples.Count, I = samples.Max(s => s.ImageCount), T = _config.Vision.Tiles, S = samples.Max(s => s.Ids.Length), edge = _config.Vision.ImageSize;
        if (I == 0)
        {
            return new Dictionary<string, (Array, long[])>();
        }

        float[] pixels = new float[checked(B * I * ValuesPerPicture)];
        long[] ids = new long[B * I], tiles = new long[B * I * T], sees = new long[checked(B * S * I * T)];
        for (int b = 0; b < B; b++)
        {
            PixelsOf(samples[b]).CopyTo(pixels, b * I * ValuesPerPicture);
            MllamaPicture[] pictures = PicturesOf(samples[b]);
            int[] padded = [.. samples[b].Ids, .. Enumerable.Repeat(-1, S - samples[b].Ids.Length)];
            (int Start, int End)[] ranges = MllamaSight.Ranges([.. Enumerable.Range(0, S).Where(i => padded[i] == _config.ImageTokenId)], S);
            for (int i = 0; i < I; i++)
            {
                bool isThere = i < pictures.Length;
                ids[(b * I) + i] = isThere ? pictures[i].Arrangement : 0;
                tiles.AsSpan(((b * I) + i) * T, isThere ? pictures[i].Tiles : 1).Fill(1);
                for (int s = isThere ? ranges[i].Start : S; s < (isThere ? ranges[i].End : S); s++)
                {
                    sees.AsSpan(((((b * S) + s) * I) + i) * T, pictures[i].Tiles).Fill(1);
                }
            }
        }

        return new Dictionary<string, (Array, long[])>
        {
            ["pixel_values"] = (pixels, [B, I, T, 3, edge, edge]),
            ["aspect_ratio_ids"] = (ids, [B, I]),
            ["aspect_ratio_mask"] = (tiles, [B, I, T]),
            ["cross_attention_mask"] = (sees, [B, S, I, T]),
        };
    }

    /// <inheritdoc/>
    public override IReadOnlyList<Image> Visible(EncodedSample sample)
    {
        float[] pixels = PixelsOf(sample);
        return sample.Layout is not MllamaLayout layout
            ? []
            : [.. layout.Places.Select((place, i) => _tiles.Visible(pixels.AsSpan(i * ValuesPerPicture, ValuesPerPicture), place))];
    }

    /// <inheritdoc/>
    protected override ImageLayout Layout(IReadOnlyList<PixelSize> sizes, ImageOptions options) => new MllamaLayout(
        _config.Vision, [.. sizes.Select(size => _tiles.Place(MllamaTiles.Reduction(options.LongestEdge).SizeAfter(size), options.DoImageSplitting ?? true))]);

    /// <inheritdoc/>
    protected override object Pixels(IReadOnlyList<Image> images, ImageLayout layout, ImageOptions options)
    {
        float[] pixels = new float[checked(images.Count * ValuesPerPicture)];
        var places = ((MllamaLayout)layout).Places;
        for (int i = 0; i < images.Count; i++)
        {
            // The family's reference itself blends transparency on white.
            Image image = MllamaTiles.Reduction(options.LongestEdge).Apply(images[i].OnWhite());
            _tiles.Write(image, places[i], pixels.AsSpan(i * ValuesPerPicture, ValuesPerPicture));
        }

        return pixels;
    }

    /// <summary>A picture stays one token.</summary>
    protected override ExpandedText Expand(string text, ImageLayout? layout) =>
        ExpandedText.Replace(text, _imageToken, layout?.Pictures.Count ?? 0, _ => _imageToken);

    /// <inheritdoc/>
    protected override VisionInput? CollateImages(IReadOnlyList<EncodedSample> samples, IReadOnlyList<ulong>? keys)
    {
        int most = samples.Max(s => s.ImageCount), slots = PadsAsReference ? most : 0;
        if (most == 0)
        {
            return null;
        }

        MllamaVisionConfig c = _config.Vision;
        int rows = c.Tiles * c.PaddedRows;
        int pictures = samples.Sum(s => s.ImageCount == 0 ? 0 : Math.Max(s.ImageCount, slots));
        float[] patches = new float[checked(pictures * ValuesPerPicture)];
        var tiles = new MllamaPicture[pictures];
        Array.Fill(tiles, new MllamaPicture(0, 1));
        var rowKeys = new List<long>();
        int done = 0;
        for (int b = 0; b < samples.Count; b++)
        {
            float[] pixels = PixelsOf(samples[b]);
            PicturesOf(samples[b]).CopyTo(tiles, done);
            for (int t = 0; t < pixels.Length / c.TileValues; t++)
            {
                Patches.Extract(
                    pixels.AsSpan(t * c.TileValues, c.TileValues), 3, c.ImageSize, c.ImageSize, (c.PatchSize, c.PatchSize),
                    patches.AsSpan((done * ValuesPerPicture) + (t * c.TileValues), c.TileValues));
            }

            int held = samples[b].ImageCount == 0 ? 0 : Math.Max(samples[b].ImageCount, slots);
            for (int row = 0; keys is not null && row < held * rows; row++)
            {
                // Odd second part: never equal to the key of a token.
                rowKeys.Add((long)Rng.Key(keys[b], (ulong)row, 1));
            }

            done += held;
        }

        return new MllamaVision([.. samples.Select(s => s.ImageCount)], tiles, patches, [.. rowKeys], slots);
    }

    private static float[] PixelsOf(EncodedSample sample) => (float[]?)sample.Pixels ?? [];

    private MllamaPicture[] PicturesOf(EncodedSample sample) =>
        sample.Layout is MllamaLayout layout ? [.. layout.Places.Select(p => new MllamaPicture(_tiles.NumberOf(p), p.Rows * p.Columns))] : [];
}

/// <summary>Pictures in arrangements of tiles.</summary>
/// <param name="Config">Sizes of the tower.</param>
/// <param name="Places">Arrangement of each picture.</param>
internal sealed record MllamaLayout(MllamaVisionConfig Config, IReadOnlyList<MllamaPlace> Places) : ImageLayout
{
    /// <inheritdoc/>
    public override IReadOnlyList<PictureShape> Pictures =>
        [.. Places.Select(p => new PictureShape(p.Width, p.Height, 1, Config.Tiles * Config.Patches) { Tile = new PixelSize(Config.ImageSize, Config.ImageSize) })];
}
