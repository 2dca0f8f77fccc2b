using System.Globalization;
using System.Text;
using Lorikeet.Imaging;

namespace Lorikeet.Models.Families;

/// <summary>
/// Prepares pictures and text for <see cref="SmolVlm"/>: a picture is enlarged or reduced to a longest edge, then to multiples of the tile
/// size, and cut into tiles that are followed by the whole picture at tile size; each <c>&lt;image&gt;</c> of the text becomes the tokens
/// of its tiles.
/// </summary>
/// <remarks>
/// Source: transformers 5, <c>Idefics3ImageProcessor</c> and <c>SmolVLMImageProcessor</c> (Pillow backend) with their processors. The two
/// differ in defaults for video only; sizes, rounding, order of resizes and text are the same. All tiles of a model have one size, so a
/// batch is padded in the number of tiles alone.
/// </remarks>
public sealed class SmolVlmProcessor
{
    /// <summary>The reference reduces pictures beyond this edge, whatever is configured.</summary>
    private const int LargestEdge = 4096;

    private readonly Normalizer _normalizer;

    /// <summary>A processor with the given settings.</summary>
    /// <param name="settings">Sizes, normalisation and tokens.</param>
    /// <exception cref="InvalidDataException">A setting is unusable.</exception>
    public SmolVlmProcessor(SmolVlmProcessorSettings settings)
    {
        ArgumentNullException.ThrowIfNull(settings);
        Settings = settings;
        _normalizer = new Normalizer(settings.Normalization);
    }

    /// <summary>Sizes, normalisation and tokens.</summary>
    public SmolVlmProcessorSettings Settings { get; }

    /// <summary>The processor of a model directory.</summary>
    /// <param name="directory">A directory of model type idefics3 or smolvlm.</param>
    /// <exception cref="InvalidDataException">A file is missing, or a setting is unusable or contradicts the model.</exception>
    public static SmolVlmProcessor From(ModelDirectory directory) => new(SmolVlmProcessorSettings.From(directory));

    /// <summary>How a picture of a size will be cut, without touching pixels.</summary>
    /// <param name="width">Width in pixels.</param>
    /// <param name="height">Height in pixels.</param>
    /// <param name="longestEdge">Replaces the configured longest edge, in pixels.</param>
    public TileGrid Plan(int width, int height, int? longestEdge = null)
    {
        if (!Settings.DoImageSplitting)
        {
            return default;
        }
        var (w, h) = SplitSize(Settings.DoResize ? FirstSize(width, height, longestEdge) : (width, height));
        int tile = Settings.TileSize;
        return h > tile || w > tile ? new TileGrid(h / tile, w / tile) : default;
    }

    /// <summary>Prepares the pictures of one sample.</summary>
    /// <param name="images">In the order of their <c>&lt;image&gt;</c> tokens; may be empty.</param>
    /// <param name="options">Deviations from the reference; none if null.</param>
    /// <exception cref="InvalidDataException">A picture is not RGB and may not be converted.</exception>
    public SmolVlmImages Process(IReadOnlyList<Image> images, SmolVlmImageOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(images);
        options ??= new SmolVlmImageOptions();
        var grids = images.Select(image => Plan(image.Width, image.Height, options.LongestEdge)).ToArray();
        int perTile = 3 * Settings.TileSize * Settings.TileSize, tile = 0;
        var pixels = new float[checked(grids.Sum(grid => grid.TileCount) * perTile)];
        for (int i = 0; i < images.Count; i++)
        {
            var tiles = pixels.AsSpan(tile * perTile, grids[i].TileCount * perTile);
            ProcessOne(ToRgb(images[i], options.Alpha), grids[i], options.LongestEdge, tiles);
            tile += grids[i].TileCount;
        }
        return new SmolVlmImages(Settings.TileSize, pixels, grids);
    }

    /// <summary>Replaces each <c>&lt;image&gt;</c> of a text by the tokens of its picture.</summary>
    /// <param name="text">The rendered chat template.</param>
    /// <param name="grids">The grids of the sample's pictures, in order.</param>
    /// <returns>The text that is tokenised, and where the old characters went.</returns>
    /// <exception cref="InvalidDataException">Another number of <c>&lt;image&gt;</c> tokens than of pictures.</exception>
    public ExpandedText ExpandText(string text, IReadOnlyList<TileGrid> grids)
    {
        ArgumentNullException.ThrowIfNull(grids);
        return ExpandedText.Replace(text, Settings.ImageToken, grids.Count, i => ImageText(grids[i]));
    }

    private Image ToRgb(Image image, AlphaHandling alpha)
    {
        if (!Settings.DoConvertRgb && image.Mode != PixelMode.RGB)
        {
            throw new InvalidDataException($"the picture has mode {image.Mode} and do_convert_rgb is false; set it to true or convert the picture.");
        }
        return image.ToRgb(alpha);
    }

    private void ProcessOne(Image image, TileGrid grid, int? longestEdge, Span<float> tiles)
    {
        int tile = Settings.TileSize, perTile = 3 * tile * tile;
        if (Settings.DoResize)
        {
            image = ResizeTo(image, FirstSize(image.Width, image.Height, longestEdge));
        }
        image = ResizeTo(image, Settings.DoImageSplitting ? SplitSize((image.Width, image.Height)) : (tile, tile));
        for (int i = 0; i < grid.Rows * grid.Columns; i++)
        {
            _normalizer.Apply(image, i % grid.Columns * tile, i / grid.Columns * tile, tile, tile, tiles.Slice(i * perTile, perTile));
        }
        _normalizer.Apply(ResizeTo(image, (tile, tile)), 0, 0, tile, tile, tiles[^perTile..]);
    }

    private Image ResizeTo(Image image, (int Width, int Height) size) => Resize.Apply(image, size.Width, size.Height, Settings.Resample);

    /// <summary>The longest edge as configured, the other one in proportion, rounded down and then up to an even number.</summary>
    private (int Width, int Height) FirstSize(int width, int height, int? longestEdge)
    {
        if (longestEdge is null && Settings.FixedSize is { } size)
        {
            return size;
        }
        int edge = longestEdge ?? Settings.LongestEdge;
        ArgumentOutOfRangeException.ThrowIfLessThan(edge, 1, nameof(longestEdge));
        double aspect = (double)width / height;
        if (width >= height)
        {
            (width, height) = (edge, Even((int)(edge / aspect)));
        }
        else
        {
            (width, height) = (Even((int)(edge * aspect)), edge);
        }
        return Bounded(Math.Max(width, 1), Math.Max(height, 1));

        static int Even(int side) => side + (side & 1);
    }

    private static (int Width, int Height) Bounded(int width, int height)
    {
        double aspect = (double)width / height;
        if (width >= height && width > LargestEdge)
        {
            (width, height) = (LargestEdge, (int)(LargestEdge / aspect));
        }
        else if (height > width && height > LargestEdge)
        {
            (width, height) = ((int)(LargestEdge * aspect), LargestEdge);
        }
        return (Math.Max(width, 1), Math.Max(height, 1));
    }

    /// <summary>Both edges up to multiples of the tile size, the shorter one after following the longer one's growth.</summary>
    private (int Width, int Height) SplitSize((int Width, int Height) size)
    {
        double aspect = (double)size.Width / size.Height;
        if (size.Width >= size.Height)
        {
            int width = Multiple(size.Width);
            return (width, Multiple((int)(width / aspect)));
        }
        int height = Multiple(size.Height);
        return (Multiple((int)(height * aspect)), height);

        int Multiple(int side) => (side + Settings.TileSize - 1) / Settings.TileSize * Settings.TileSize;
    }

    private string ImageText(TileGrid grid)
    {
        var text = new StringBuilder();
        for (int row = 1; row <= grid.Rows; row++)
        {
            for (int column = 1; column <= grid.Columns; column++)
            {
                text.Append(Settings.FakeImageToken).Append(CultureInfo.InvariantCulture, $"<row_{row}_col_{column}>");
                text.Insert(text.Length, Settings.ImageToken, Settings.ImageSeqLen);
            }
            text.Append('\n');
        }
        text.Append(grid.Rows > 0 ? "\n" : "").Append(Settings.FakeImageToken).Append(Settings.GlobalImageToken);
        return text.Insert(text.Length, Settings.ImageToken, Settings.ImageSeqLen).Append(Settings.FakeImageToken).ToString();
    }
}
