namespace Lorikeet.Imaging;

/// <summary>Caps that are checked against a picture's header before any pixel is decoded.</summary>
public sealed record DecodeLimits
{
    /// <summary>The caps used where none are given.</summary>
    public static DecodeLimits Default { get; } = new();

    /// <summary>Largest file, in bytes.</summary>
    public long MaxBytes { get; init; } = 256L << 20;

    /// <summary>Largest width x height, in pixels. The default is where Pillow begins to suspect a decompression bomb.</summary>
    public long MaxPixels { get; init; } = 89_478_485;

    /// <summary>Largest width and largest height, in pixels.</summary>
    public int MaxSide { get; init; } = 65_535;

    /// <summary>Throws unless a picture of this size is within the caps.</summary>
    /// <param name="name">The file's name, for the message.</param>
    /// <param name="width">Declared width in pixels.</param>
    /// <param name="height">Declared height in pixels.</param>
    /// <exception cref="InvalidDataException">A side is not positive, or a cap is exceeded.</exception>
    public void RequireSize(string name, long width, long height)
    {
        if (width < 1 || height < 1)
        {
            throw new InvalidDataException($"{name}: the header declares {width} x {height} pixels; both sides must be at least 1.");
        }
        if (width > MaxSide || height > MaxSide)
        {
            throw new InvalidDataException(
                $"{name}: the header declares {width} x {height} pixels; the longest side allowed is {MaxSide}. Reduce the picture first.");
        }
        // Eight bytes per pixel at most (four 16-bit channels) must fit one array, however high the cap is set.
        long most = Math.Min(MaxPixels, Array.MaxLength / 8);
        if (width * height > most)
        {
            throw new InvalidDataException(
                $"{name}: the header declares {width} x {height} = {width * height} pixels; at most {most} are decoded " +
                "(protection against decompression bombs). Reduce the picture first.");
        }
    }

    /// <summary>Throws unless a file of this size is within the caps.</summary>
    /// <param name="name">The file's name, for the message.</param>
    /// <param name="bytes">The file's length in bytes.</param>
    /// <exception cref="InvalidDataException">The file is empty or larger than <see cref="MaxBytes"/>.</exception>
    public void RequireBytes(string name, long bytes)
    {
        if (bytes == 0)
        {
            throw new InvalidDataException($"{name}: the file is empty; expected a picture ({ImageFormats.Supported}).");
        }
        if (bytes > MaxBytes)
        {
            throw new InvalidDataException($"{name}: the file has {bytes} bytes; pictures of at most {MaxBytes} bytes are read.");
        }
    }
}
