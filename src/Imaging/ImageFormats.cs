namespace Lorikeet.Imaging;

/// <summary>The file formats that are decoded. Everything else is refused before a decoder sees it.</summary>
internal enum ImageFormat
{
    Unknown,
    Jpeg,
    Png,
    Gif,
    WebP,
    Tiff,
    Bmp,
}

/// <summary>Recognises a format by its first bytes; a file's extension plays no part.</summary>
internal static class ImageFormats
{
    /// <summary>The formats by name, for messages.</summary>
    public const string Supported = "JPEG, PNG, WebP, GIF, TIFF or BMP";

    private static readonly (ImageFormat Format, string Name, byte[] Magic)[] Known =
    [
        (ImageFormat.Jpeg, "JPEG", [0xFF, 0xD8, 0xFF]),
        (ImageFormat.Png, "PNG", [0x89, (byte)'P', (byte)'N', (byte)'G', 0x0D, 0x0A, 0x1A, 0x0A]),
        (ImageFormat.Gif, "GIF", "GIF87a"u8.ToArray()),
        (ImageFormat.Gif, "GIF", "GIF89a"u8.ToArray()),
        (ImageFormat.Tiff, "TIFF", [(byte)'I', (byte)'I', 42, 0]),
        (ImageFormat.Tiff, "TIFF", [(byte)'M', (byte)'M', 0, 42]),
        (ImageFormat.Bmp, "BMP", "BM"u8.ToArray()),
    ];

    private static readonly (string Name, byte[] Magic)[] Unsupported =
    [
        ("a PDF document", "%PDF"u8.ToArray()),
        ("an SVG or XML text", "<?xml"u8.ToArray()),
        ("an SVG drawing", "<svg"u8.ToArray()),
        ("an HTML page", "<!DOCTYPE"u8.ToArray()),
        ("an HTML page", "<html"u8.ToArray()),
        ("a ZIP archive", [(byte)'P', (byte)'K', 3, 4]),
        ("a gzip archive", [0x1F, 0x8B]),
        ("a big TIFF", [(byte)'I', (byte)'I', 43, 0]),
        ("a big TIFF", [(byte)'M', (byte)'M', 0, 43]),
        ("a JPEG XL picture", [0xFF, 0x0A]),
        ("a Git LFS pointer (run `git lfs pull`)", "version https://git-lfs"u8.ToArray()),
    ];

    /// <summary>The format whose signature the bytes carry.</summary>
    public static ImageFormat Sniff(ReadOnlySpan<byte> data)
    {
        foreach (var (format, _, magic) in Known)
        {
            if (data.StartsWith(magic))
            {
                return format;
            }
        }
        return data.Length >= 12 && data.StartsWith("RIFF"u8) && data[8..].StartsWith("WEBP"u8) ? ImageFormat.WebP : ImageFormat.Unknown;
    }

    /// <summary>A few words on what the bytes look like instead, for the message that refuses them.</summary>
    public static string Describe(ReadOnlySpan<byte> data)
    {
        foreach (var (name, magic) in Unsupported)
        {
            if (data.StartsWith(magic))
            {
                return "looks like " + name;
            }
        }
        if (data.Length >= 12 && data[4..].StartsWith("ftyp"u8))
        {
            return "looks like a HEIF, AVIF or MP4 file";
        }
        var head = data[..Math.Min(data.Length, 8)];
        return head.IndexOfAnyExceptInRange((byte)0x09, (byte)0x7E) < 0
            ? "looks like text"
            : "begins with the bytes " + Convert.ToHexString(head);
    }

    /// <summary>A format's usual name.</summary>
    public static string NameOf(ImageFormat format) => format == ImageFormat.WebP ? "WebP" : Array.Find(Known, k => k.Format == format).Name;
}
