namespace Lorikeet.Imaging;

/// <summary>
/// A decoded picture: <see cref="Pixels"/> holds (Height, Width, channels) interleaved bytes, rows without padding.
/// Images are values: operations return new ones and never change their input.
/// </summary>
public sealed class Image
{
    /// <summary>Wraps pixels that are already decoded.</summary>
    /// <param name="width">Width in pixels, at least 1.</param>
    /// <param name="height">Height in pixels, at least 1.</param>
    /// <param name="mode">What a pixel holds.</param>
    /// <param name="pixels">(height, width, bytes per pixel) interleaved; kept, not copied.</param>
    /// <param name="orientation">The EXIF orientation tag that came with the file, 1 to 8; 1 is upright.</param>
    /// <exception cref="ArgumentException">A size is not positive, or <paramref name="pixels"/> has another length.</exception>
    public Image(int width, int height, PixelMode mode, byte[] pixels, int orientation = 1)
    {
        ArgumentNullException.ThrowIfNull(pixels);
        ArgumentOutOfRangeException.ThrowIfLessThan(width, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(height, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(orientation, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(orientation, 8);
        long expected = (long)width * height * BytesPerPixelOf(mode);
        if (pixels.Length != expected)
        {
            throw new ArgumentException($"{width} x {height} pixels of mode {mode} take {expected} bytes, got {pixels.Length}.", nameof(pixels));
        }
        Width = width;
        Height = height;
        Mode = mode;
        Pixels = pixels;
        Orientation = orientation;
    }

    /// <summary>Width in pixels.</summary>
    public int Width { get; }

    /// <summary>Height in pixels.</summary>
    public int Height { get; }

    /// <summary>What a pixel holds.</summary>
    public PixelMode Mode { get; }

    /// <summary>(Height, Width, bytes per pixel) interleaved.</summary>
    public byte[] Pixels { get; }

    /// <summary>The EXIF orientation tag of the file, 1 (upright) to 8. It is information: nothing but <see cref="Upright"/> acts on it.</summary>
    public int Orientation { get; }

    /// <summary>Bytes of one pixel.</summary>
    public int BytesPerPixel => BytesPerPixelOf(Mode);

    /// <summary>Bytes of one pixel of a mode.</summary>
    /// <param name="mode">The mode.</param>
    public static int BytesPerPixelOf(PixelMode mode) => mode switch
    {
        PixelMode.L => 1,
        PixelMode.LA or PixelMode.I16 => 2,
        PixelMode.RGB => 3,
        _ => 4,
    };

    /// <summary>
    /// The picture as RGB, as Pillow's <c>convert("RGB")</c>: grey is repeated, alpha is dropped (not blended), CMYK is converted without
    /// a colour profile, and 16-bit grey is clipped at 255 (not scaled).
    /// </summary>
    public Image ToRgb() => Mode == PixelMode.RGB ? this : With(PixelMode.RGB, PixelConversions.ToRgb(this));

    /// <summary>The picture as RGB, with transparency handled as told.</summary>
    /// <param name="alpha">Drop the alpha channel, or blend on white.</param>
    public Image ToRgb(AlphaHandling alpha) => alpha == AlphaHandling.White ? OnWhite() : ToRgb();

    /// <summary>The picture as RGBA, as Pillow's <c>convert("RGBA")</c>: opaque where the source has no alpha.</summary>
    public Image ToRgba() => Mode == PixelMode.RGBA ? this : With(PixelMode.RGBA, PixelConversions.ToRgba(this));

    /// <summary>The picture as RGB, blended on opaque white where it is transparent, bit for bit as Pillow's <c>alpha_composite</c>.</summary>
    public Image OnWhite() =>
        Mode is PixelMode.LA or PixelMode.RGBA ? With(PixelMode.RGB, PixelConversions.OnWhite(ToRgba().Pixels)) : ToRgb();

    /// <summary>The picture turned upright by its <see cref="Orientation"/>, which is 1 afterwards. Source: Pillow's <c>exif_transpose</c>.</summary>
    public Image Upright() => Orientation == 1 ? this : Transposition.Apply(this, Orientation);

    private Image With(PixelMode mode, byte[] pixels) => new(Width, Height, mode, pixels, Orientation);
}
