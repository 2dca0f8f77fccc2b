using Lorikeet.Imaging;
using Lorikeet.Models.Backbones;
using Lorikeet.Nn.Weights;

namespace Lorikeet.Models.Families;

/// <summary>Model type <c>llava_next</c> for the catalog.</summary>
internal sealed class LlavaNextFamily : Family
{
    public static readonly LlavaNextFamily Instance = new();

    /// <inheritdoc/>
    public override IReadOnlyList<NameRule> Renames { get; } = [.. ProjectedModel.OlderNames, new("image_newline", "model.image_newline")];

    /// <inheritdoc/>
    public override VisionLanguageModel Build(WeightScope weights, ConfigSection config, IDisposable? files) => new LlavaNext(weights, LlavaNextConfig.From(config), files);

    /// <inheritdoc/>
    public override Processor Processor(ModelDirectory directory) => new LlavaNextInputs(directory);

    /// <inheritdoc/>
    public override bool MayIgnore(string key, ConfigSection config) => VisionTower.MayIgnore(key) || (IsHead(key) && LlavaNextConfig.From(config).Common.TieWordEmbeddings);
}

/// <summary>Conversations as input of <see cref="LlavaNext"/>.</summary>
internal sealed class LlavaNextInputs : Processor
{
    private readonly ClipPictures _pictures;
    private readonly LlavaNextConfig _config;
    private readonly string _imageToken;

    public LlavaNextInputs(ModelDirectory directory)
        : base(directory)
    {
        _config = LlavaNextConfig.From(directory.Config);
        ConfigSection images = directory.ImageProcessorConfig;
        _pictures = new ClipPictures(images);
        _pictures.RequireSize(Edge);
        if ((images.SectionIfObject("size") is { } size ? size.TryInt("shortest_edge") ?? size.Int("height") : images.Int("size", Edge)) != Edge)
        {
            throw images.Wrong("size", FormattableString.Invariant($"{Edge} (image_size of the vision tower), so that tiles stay whole"));
        }

        if (!LlavaNextGrid.Resolutions(images, Edge).SequenceEqual(_config.Resolutions))
        {
            throw images.Wrong("image_grid_pinpoints", $"the same list as in {directory.Config.File}, which cuts the features apart");
        }

        _imageToken = directory.ProcessorConfig?.TryString("image_token") ?? directory.SpecialTokens.GetValueOrDefault("image_token", "<image>");
    }

    private int Edge => _config.Vision.Encoder.ImageSize;

    private int ValuesPerTile => 3 * Edge * Edge;

    /// <inheritdoc/>
    public override IReadOnlyDictionary<string, (Array Values, long[] Shape)> ReferenceImages(IReadOnlyList<EncodedSample> samples)
    {
        LlavaNextGrid[] grids = [.. samples.SelectMany(GridsOf)];
        if (grids.Length == 0)
        {
            return new Dictionary<string, (Array, long[])>();
        }

        float[] pixels = [.. samples.SelectMany(PixelsOf)];
        int most = grids.Max(g => g.Tiles), start = 0;
        float[] padded = new float[checked(grids.Length * most * ValuesPerTile)];
        for (int i = 0; i < grids.Length; i++)
        {
            int values = grids[i].Tiles * ValuesPerTile;
            pixels.AsSpan(start, values).CopyTo(padded.AsSpan(i * most * ValuesPerTile));
            start += values;
        }

        return new Dictionary<string, (Array, long[])>
        {
            ["pixel_values"] = (padded, [grids.Length, most, 3, Edge, Edge]),
            ["image_sizes"] = (grids.SelectMany(g => new long[] { g.Source.Height, g.Source.Width }).ToArray(), [grids.Length, 2]),
        };
    }

    /// <inheritdoc/>
    public override IReadOnlyList<Image> Visible(EncodedSample sample)
    {
        float[] pixels = PixelsOf(sample);
        var images = new List<Image>();
        int start = 0;
        foreach (LlavaNextGrid grid in GridsOf(sample))
        {
            Image[] tiles = [.. Enumerable.Range(0, grid.Tiles).Select(t => _pictures.Visible(pixels.AsSpan((start + t) * ValuesPerTile, ValuesPerTile), Edge))];
            images.Add(grid.TileRows == 0 ? tiles[0] : Joined(grid, tiles.AsSpan(1)));
            start += grid.Tiles;
        }

        return images;
    }

    /// <inheritdoc/>
    protected override ImageLayout Layout(IReadOnlyList<PixelSize> sizes, ImageOptions options)
    {
        IReadOnlyList<PixelSize> resolutions = options.DoImageSplitting == false ? [] : _config.Resolutions;
        PictureReduction? reduction = Reduction(options);
        return new LlavaNextLayout(Edge, [.. sizes.Select(size => LlavaNextGrid.Of(reduction?.SizeAfter(size) ?? size, resolutions, Edge, _config.Vision.Encoder.GridSide))]);
    }

    /// <inheritdoc/>
    protected override object Pixels(IReadOnlyList<Image> images, ImageLayout layout, ImageOptions options)
    {
        IReadOnlyList<LlavaNextGrid> grids = ((LlavaNextLayout)layout).Grids;
        float[] pixels = new float[checked(grids.Sum(g => g.Tiles) * ValuesPerTile)];
        int start = 0;
        for (int i = 0; i < images.Count; i++)
        {
            _pictures.RequireConvertible(images[i]);
            Image image = images[i].ToRgb(options.Alpha);
            Write(Reduction(options)?.Apply(image) ?? image, grids[i], pixels.AsSpan(start * ValuesPerTile, grids[i].Tiles * ValuesPerTile));
            start += grids[i].Tiles;
        }

        return pixels;
    }

    /// <inheritdoc/>
    protected override ExpandedText Expand(string text, ImageLayout? layout)
    {
        IReadOnlyList<PictureShape> pictures = layout?.Pictures ?? [];
        return ExpandedText.Replace(text, _imageToken, pictures.Count, i => ExpandedText.Repeat(_imageToken, pictures[i].Tokens));
    }

    /// <inheritdoc/>
    protected override VisionInput? CollateImages(IReadOnlyList<EncodedSample> samples, IReadOnlyList<ulong>? keys)
    {
        LlavaNextGrid[] grids = [.. samples.SelectMany(GridsOf)];
        return grids.Length == 0
            ? null
            : new LlavaNextVision([.. samples.Select(s => GridsOf(s).Sum(g => g.FeatureRows))], grids, TowerPictures.Of(_config.Vision, [.. samples.Select(PixelsOf)], keys));
    }

    private static PictureReduction? Reduction(ImageOptions options) =>
        options.LongestEdge is { } edge ? new PictureReduction { Thumbnail = new PixelSize(edge, edge) } : null;

    /// <summary>The overview, squeezed into a square; then the picture in the middle of black, tile after tile.</summary>
    private void Write(Image image, LlavaNextGrid grid, Span<float> tiles)
    {
        _pictures.Write(Resize.Apply(image, Edge, Edge, _pictures.Filter), AlphaHandling.Reference, tiles[..ValuesPerTile]);
        if (grid.TileRows == 0)
        {
            return;
        }

        int width = grid.TileColumns * Edge, height = grid.TileRows * Edge;
        PixelSize fit = grid.Fit(width, height);
        Image inside = Resize.Apply(image, fit.Width, fit.Height, _pictures.Filter);
        byte[] canvas = new byte[checked(3 * width * height)];
        int left = (width - fit.Width) / 2, top = (height - fit.Height) / 2;
        for (int y = 0; y < fit.Height; y++)
        {
            inside.Pixels.AsSpan(3 * y * fit.Width, 3 * fit.Width).CopyTo(canvas.AsSpan(3 * (((top + y) * width) + left)));
        }

        var whole = new Image(width, height, PixelMode.RGB, canvas);
        for (int t = 0; t < grid.TileRows * grid.TileColumns; t++)
        {
            Image tile = Crop.Take(whole, t % grid.TileColumns * Edge, t / grid.TileColumns * Edge, Edge, Edge);
            _pictures.Write(tile, AlphaHandling.Reference, tiles.Slice((1 + t) * ValuesPerTile, ValuesPerTile));
        }
    }

    /// <summary>Tiles put together, the black around the picture cut off.</summary>
    private Image Joined(LlavaNextGrid grid, ReadOnlySpan<Image> tiles)
    {
        int width = grid.TileColumns * Edge, height = grid.TileRows * Edge;
        byte[] canvas = new byte[3 * width * height];
        for (int t = 0; t < tiles.Length; t++)
        {
            for (int y = 0; y < Edge; y++)
            {
                int target = (((t / grid.TileColumns * Edge) + y) * width) + (t % grid.TileColumns * Edge);
                tiles[t].Pixels.AsSpan(3 * y * Edge, 3 * Edge).CopyTo(canvas.AsSpan(3 * target));
            }
        }

        PixelSize fit = grid.Fit(width, height);
        return Crop.Take(new Image(width, height, PixelMode.RGB, canvas), (width - fit.Width) / 2, (height - fit.Height) / 2, fit.Width, fit.Height);
    }

    private static IReadOnlyList<LlavaNextGrid> GridsOf(EncodedSample sample) => ((LlavaNextLayout?)sample.Layout)?.Grids ?? [];

    private static float[] PixelsOf(EncodedSample sample) => (float[]?)sample.Pixels ?? [];
}

/// <summary>How the pictures of one sample are cut.</summary>
/// <param name="Edge">Edge of a tile in pixels.</param>
/// <param name="Grids">The cut of each picture.</param>
internal sealed record LlavaNextLayout(int Edge, IReadOnlyList<LlavaNextGrid> Grids) : ImageLayout
{
    /// <inheritdoc/>
    public override IReadOnlyList<PictureShape> Pictures => [.. Grids.Select(Shape)];

    private PictureShape Shape(LlavaNextGrid grid)
    {
        int patches = grid.Tiles * grid.Side * grid.Side;
        PixelSize seen = grid.TileRows == 0 ? new PixelSize(Edge, Edge) : grid.Fit(grid.TileColumns * Edge, grid.TileRows * Edge);
        return new PictureShape(seen.Width, seen.Height, grid.FeatureRows, patches) { Tile = grid.TileRows == 0 ? null : new PixelSize(Edge, Edge) };
    }
}
