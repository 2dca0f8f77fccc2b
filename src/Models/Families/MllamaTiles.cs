using Lorikeet.Imaging;

namespace Lorikeet.Models.Families;

/// <summary>Where a picture goes.</summary>
/// <param name="Rows">Rows of tiles.</param>
/// <param name="Columns">Columns of tiles.</param>
/// <param name="Width">Width in pixels that it is resized to; what is left of its tiles is black.</param>
/// <param name="Height">Height in pixels that it is resized to.</param>
internal readonly record struct MllamaPlace(int Rows, int Columns, int Width, int Height);

/// <summary>Pictures as Llama-3.2-Vision's processor makes them: fitted into the best arrangement of tiles, with black beside them.</summary>
/// <remarks>Source: transformers 5, <c>MllamaImageProcessor</c> (Pillow backend).</remarks>
internal sealed class MllamaTiles
{
    private readonly MllamaVisionConfig _config;
    private readonly ResizeFilter _filter;
    private readonly Normalizer _normalizer;

    /// <summary>Reads the settings of a preprocessor_config.json.</summary>
    /// <exception cref="InvalidDataException">A value is unusable, or the tiles are not those of the tower.</exception>
    public MllamaTiles(ConfigSection section, MllamaVisionConfig config)
    {
        _config = config;
        ConfigSection? size = section.TrySection("size");
        int height = size?.Int("height") ?? 224, width = size?.Int("width") ?? 224;
        if ((height, width) != (config.ImageSize, config.ImageSize))
        {
            throw section.Wrong("size", FormattableString.Invariant($"{config.ImageSize} x {config.ImageSize} pixels, image_size of the vision tower"));
        }

        if (section.Int("max_image_tiles", 4) != config.Tiles)
        {
            throw section.Wrong("max_image_tiles", FormattableString.Invariant($"{config.Tiles}, max_num_tiles of the vision tower"));
        }

        foreach (string key in new[] { "do_resize", "do_pad", "do_convert_rgb" })
        {
            if (!section.Bool(key, true))
            {
                throw section.Wrong(key, "true: pictures of other sizes or modes cannot be cut into tiles");
            }
        }

        int filter = section.Int("resample", (int)ResizeFilter.Bilinear);
        _filter = Enum.IsDefined((ResizeFilter)filter) ? (ResizeFilter)filter : throw section.Wrong("resample", "a number from 0 to 5");
        double[] half = [0.5, 0.5, 0.5];
        _normalizer = new Normalizer(new NormalizationSettings
        {
            DoRescale = section.Bool("do_rescale", true),
            RescaleFactor = section.Double("rescale_factor", 1.0 / 255.0),
            DoNormalize = section.Bool("do_normalize", true),
            Mean = section.TryDoubles("image_mean") ?? half,
            Std = section.TryDoubles("image_std") ?? half,
        });
    }

    /// <summary>Number of an arrangement, from 1.</summary>
    public int NumberOf(MllamaPlace place)
    {
        int i = 0;
        while (_config.Arrangements[i] != (place.Rows, place.Columns))
        {
            i++;
        }

        return i + 1;
    }

    /// <summary>How a picture is made smaller that may not be longer than an edge; not at all where there is none.</summary>
    public static PictureReduction Reduction(int? edge) => edge is { } longest ? new PictureReduction { Thumbnail = new PixelSize(longest, longest) } : new PictureReduction();

    /// <summary>
    /// The arrangement for a picture of a size: that which enlarges it least, else reduces it least; of equals, the first with the
    /// smallest area.
    /// </summary>
    /// <param name="size">In pixels.</param>
    /// <param name="isSplit">Whether it may take more than one tile.</param>
    public MllamaPlace Place(PixelSize size, bool isSplit)
    {
        int edge = _config.ImageSize;
        (int Rows, int Columns)[] possible = [.. _config.Arrangements.Take(isSplit ? _config.Arrangements.Count : 1)];
        double[] scales = [.. possible.Select(a => Math.Min((double)(a.Rows * edge) / size.Height, (double)(a.Columns * edge) / size.Width))];
        double scale = scales.Any(s => s >= 1) ? scales.Where(s => s >= 1).Min() : scales.Max();
        (int rows, int columns) = possible.Where((_, i) => scales[i] == scale).MinBy(a => a.Rows * a.Columns);

        // Small pictures are enlarged to one tile at most.
        int width = Math.Clamp(size.Width, edge, columns * edge), height = Math.Clamp(size.Height, edge, rows * edge);
        double down = (double)height / size.Height, across = (double)width / size.Width;
        return across < down
            ? new MllamaPlace(rows, columns, width, Math.Min(Math.Max(1, (int)Math.Floor(size.Height * across)), height))
            : new MllamaPlace(rows, columns, Math.Min(Math.Max(1, (int)Math.Floor(size.Width * down)), width), height);
    }

    /// <summary>One picture as (T, 3, edge, edge) normalised values; missing tiles stay zero.</summary>
    /// <param name="rgb">The picture.</param>
    /// <param name="place">Its arrangement.</param>
    /// <param name="pixels">Receives the values, zero before.</param>
    public void Write(Image rgb, MllamaPlace place, Span<float> pixels)
    {
        int edge = _config.ImageSize, width = place.Columns * edge;
        rgb = Resize.Apply(rgb, place.Width, place.Height, _filter);
        byte[] canvas = new byte[checked(3 * width * place.Rows * edge)];
        for (int y = 0; y < place.Height; y++)
        {
            rgb.Pixels.AsSpan(3 * y * place.Width, 3 * place.Width).CopyTo(canvas.AsSpan(3 * y * width));
        }

        var whole = new Image(width, place.Rows * edge, PixelMode.RGB, canvas);
        for (int t = 0; t < place.Rows * place.Columns; t++)
        {
            _normalizer.Apply(whole, t % place.Columns * edge, t / place.Columns * edge, edge, edge, pixels.Slice(t * _config.TileValues, _config.TileValues));
        }
    }

    /// <summary>Values made visible again, without the black beside them.</summary>
    public Image Visible(ReadOnlySpan<float> pixels, MllamaPlace place)
    {
        int edge = _config.ImageSize, width = place.Columns * edge;
        byte[] rgb = new byte[3 * width * place.Rows * edge], cut = new byte[3 * place.Width * place.Height];
        for (int t = 0; t < place.Rows * place.Columns; t++)
        {
            int start = ((t / place.Columns * edge * width) + (t % place.Columns * edge)) * 3;
            _normalizer.Restore(pixels.Slice(t * _config.TileValues, _config.TileValues), edge, edge, rgb.AsSpan(start), width);
        }

        for (int y = 0; y < place.Height; y++)
        {
            rgb.AsSpan(3 * y * width, 3 * place.Width).CopyTo(cut.AsSpan(3 * y * place.Width));
        }

        return new Image(place.Width, place.Height, PixelMode.RGB, cut);
    }
}
