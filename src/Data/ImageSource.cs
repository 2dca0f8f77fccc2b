using Lorikeet.Imaging;

namespace Lorikeet.Data;

/// <summary>A picture of a sample: a file, or bytes that came with the row. It is decoded when asked for, not before.</summary>
public sealed class ImageSource
{
    private readonly byte[]? _bytes;

    private ImageSource(string name, string? filePath, byte[]? bytes)
    {
        Name = name;
        FilePath = filePath;
        _bytes = bytes;
    }

    private static readonly string[] Extensions = [".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp", ".tif", ".tiff"];

    /// <summary>Where the row refers to the picture, for messages: <c>file:line: key 'image'</c>.</summary>
    public string Name { get; }

    /// <summary>Absolute path of the picture, or null when the row itself holds its bytes.</summary>
    public string? FilePath { get; }

    /// <summary>Whether a file is named as a picture.</summary>
    public static bool IsPictureName(string file) => Extensions.Contains(Path.GetExtension(file).ToLowerInvariant(), StringComparer.Ordinal);

    /// <summary>A picture in a file.</summary>
    public static ImageSource FromFile(string path, string name) => new(name, path, null);

    /// <summary>A picture whose file content is given.</summary>
    public static ImageSource FromBytes(byte[] bytes, string name)
    {
        ArgumentNullException.ThrowIfNull(bytes);
        return new(name, null, bytes);
    }

    /// <summary>The picture's file content.</summary>
    /// <exception cref="InvalidDataException">The file cannot be read, or is larger than the limits allow.</exception>
    public byte[] ReadBytes(DecodeLimits? limits = null)
    {
        limits ??= DecodeLimits.Default;
        if (_bytes is not null)
        {
            return _bytes;
        }

        try
        {
            return ImageDecoder.ReadFile(FilePath!, limits);
        }
        catch (InvalidDataException error)
        {
            throw new InvalidDataException($"{Name}: {error.Message}", error);
        }
    }

    /// <summary>Decodes the picture.</summary>
    /// <exception cref="InvalidDataException">It is missing, no picture, damaged, or beyond the limits; the message begins with <see cref="Name"/>.</exception>
    public Image Decode(DecodeLimits? limits = null)
    {
        try
        {
            return FilePath is null ? ImageDecoder.Decode(_bytes!, "the embedded picture", limits) : ImageDecoder.Decode(FilePath, limits);
        }
        catch (InvalidDataException error)
        {
            throw new InvalidDataException($"{Name}: {error.Message}", error);
        }
    }

    /// <summary>The picture's size from its header, without decoding it.</summary>
    /// <param name="applyExif">Whether the orientation mark is obeyed.</param>
    /// <param name="limits">Caps on bytes and pixels.</param>
    /// <exception cref="InvalidDataException">It is missing, no picture, or beyond the limits; the message begins with <see cref="Name"/>.</exception>
    public PixelSize ReadSize(bool applyExif = false, DecodeLimits? limits = null)
    {
        byte[] bytes = ReadBytes(limits);
        try
        {
            return ImageDecoder.ReadSize(bytes, FilePath ?? "the embedded picture", applyExif, limits);
        }
        catch (InvalidDataException error)
        {
            throw new InvalidDataException($"{Name}: {error.Message}", error);
        }
    }
}
