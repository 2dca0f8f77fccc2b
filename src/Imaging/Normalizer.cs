namespace Lorikeet.Imaging;

/// <summary>How bytes become model input; the keys of preprocessor_config.json.</summary>
public sealed record NormalizationSettings
{
    /// <summary>Whether bytes are multiplied by <see cref="RescaleFactor"/> (<c>do_rescale</c>).</summary>
    public bool DoRescale { get; init; } = true;

    /// <summary>Factor of the rescaling (<c>rescale_factor</c>).</summary>
    public double RescaleFactor { get; init; } = 1.0 / 255.0;

    /// <summary>Whether <see cref="Mean"/> and <see cref="Std"/> are applied (<c>do_normalize</c>).</summary>
    public bool DoNormalize { get; init; } = true;

    /// <summary>Mean of each channel, after rescaling (<c>image_mean</c>).</summary>
    public IReadOnlyList<double> Mean { get; init; } = [0.5, 0.5, 0.5];

    /// <summary>Standard deviation of each channel, after rescaling (<c>image_std</c>).</summary>
    public IReadOnlyList<double> Std { get; init; } = [0.5, 0.5, 0.5];
}

/// <summary>
/// (v * rescale - mean) / std for RGB pictures, interleaved bytes to planar float. A channel has 256 values, so each is computed once,
/// in the reference's precision: the rescaling in double, rounded to float, the rest in float. Source: transformers' image_transforms
/// (Pillow backend).
/// </summary>
public sealed class Normalizer
{
    private const int Channels = 3;
    private readonly float[][] _tables;

    /// <summary>Prepares the tables.</summary>
    /// <param name="settings">Three means and three standard deviations, or one of each for all channels.</param>
    /// <exception cref="InvalidDataException">Another number of values, or a standard deviation of zero.</exception>
    public Normalizer(NormalizationSettings settings)
    {
        ArgumentNullException.ThrowIfNull(settings);
        _tables = new float[Channels][];
        for (int c = 0; c < Channels; c++)
        {
            float mean = Pick(settings.Mean, c, "image_mean"), std = Pick(settings.Std, c, "image_std");
            if (settings.DoNormalize && (std == 0 || !float.IsFinite(std) || !float.IsFinite(mean)))
            {
                throw new InvalidDataException($"image_mean {mean} and image_std {std} of channel {c} cannot be used to normalise pixels.");
            }
            var table = new float[256];
            for (int v = 0; v < table.Length; v++)
            {
                float value = settings.DoRescale ? (float)(v * settings.RescaleFactor) : v;
                table[v] = settings.DoNormalize ? (value - mean) / std : value;
            }
            _tables[c] = table;
        }
    }

    /// <summary>Writes a rectangle of a picture as (3, height, width) floats.</summary>
    /// <param name="rgb">A picture of mode <see cref="PixelMode.RGB"/>.</param>
    /// <param name="left">First column of the rectangle.</param>
    /// <param name="top">First row of the rectangle.</param>
    /// <param name="width">Its width in pixels.</param>
    /// <param name="height">Its height in pixels.</param>
    /// <param name="planes">Receives 3 * height * width values.</param>
    /// <exception cref="ArgumentException">Another mode, a rectangle outside the picture, or a span of another length.</exception>
    public void Apply(Image rgb, int left, int top, int width, int height, Span<float> planes)
    {
        ArgumentNullException.ThrowIfNull(rgb);
        if (rgb.Mode != PixelMode.RGB)
        {
            throw new ArgumentException($"only RGB pictures are normalised, this one is {rgb.Mode}.", nameof(rgb));
        }
        if (left < 0 || top < 0 || width < 1 || height < 1 || width > rgb.Width - left || height > rgb.Height - top)
        {
            throw new ArgumentException($"the rectangle {left},{top} {width}x{height} is outside the picture of {rgb.Width} x {rgb.Height}.");
        }
        int plane = width * height;
        if (planes.Length != Channels * plane)
        {
            throw new ArgumentException($"(3, {height}, {width}) takes {Channels * plane} floats, the span has {planes.Length}.", nameof(planes));
        }
        for (int y = 0; y < height; y++)
        {
            var row = rgb.Pixels.AsSpan(((top + y) * rgb.Width + left) * Channels, width * Channels);
            var red = planes.Slice(y * width, width);
            var green = planes.Slice(plane + y * width, width);
            var blue = planes.Slice(2 * plane + y * width, width);
            NormalizeRow(row, red, green, blue);
        }
    }

    /// <summary>The whole picture as a new (3, Height, Width) array.</summary>
    /// <param name="rgb">A picture of mode <see cref="PixelMode.RGB"/>.</param>
    public float[] Apply(Image rgb)
    {
        ArgumentNullException.ThrowIfNull(rgb);
        var planes = new float[Channels * rgb.Width * rgb.Height];
        Apply(rgb, 0, 0, rgb.Width, rgb.Height, planes);
        return planes;
    }

    /// <summary>Undoes <see cref="Apply(Image)"/> for a rectangle: the bytes that the values came from.</summary>
    /// <param name="planes">(3, height, width) values.</param>
    /// <param name="width">Width of the rectangle in pixels.</param>
    /// <param name="height">Its height in pixels.</param>
    /// <param name="rgb">Receives interleaved bytes, from the rectangle's first pixel on.</param>
    /// <param name="rowPixels">Pixels of a whole row of the picture that <paramref name="rgb"/> belongs to.</param>
    public void Restore(ReadOnlySpan<float> planes, int width, int height, Span<byte> rgb, int rowPixels)
    {
        int plane = width * height;
        for (int c = 0; c < Channels; c++)
        {
            float first = _tables[c][0], perStep = (_tables[c][255] - first) / 255;
            for (int i = 0; i < plane; i++)
            {
                float value = MathF.Round((planes[(c * plane) + i] - first) / perStep);
                rgb[(((i / width * rowPixels) + (i % width)) * Channels) + c] = float.IsNaN(value) ? (byte)0 : (byte)Math.Clamp(value, 0, 255);
            }
        }
    }

    private void NormalizeRow(ReadOnlySpan<byte> row, Span<float> red, Span<float> green, Span<float> blue)
    {
        float[] ofRed = _tables[0], ofGreen = _tables[1], ofBlue = _tables[2];
        for (int x = 0, at = 0; x < red.Length; x++, at += Channels)
        {
            red[x] = ofRed[row[at]];
            green[x] = ofGreen[row[at + 1]];
            blue[x] = ofBlue[row[at + 2]];
        }
    }

    private static float Pick(IReadOnlyList<double> values, int channel, string key) => values.Count switch
    {
        1 => (float)values[0],
        Channels => (float)values[channel],
        _ => throw new InvalidDataException($"{key} has {values.Count} values; expected 3, or 1 for all channels."),
    };
}
