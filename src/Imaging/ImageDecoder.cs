using System.Buffers.Binary;
using Lorikeet.Imaging.Interop;

namespace Lorikeet.Imaging;

/// <summary>
/// Decodes picture files of untrusted origin. The format is recognised by the first bytes; byte and pixel caps are checked against the
/// header before anything is decoded; truncated files are refused. Pixels equal Pillow's.
/// </summary>
public static class ImageDecoder
{
    private const int MaxJpegScans = 100;
    private const int PngColourType = 25;

    /// <summary>Decodes a file.</summary>
    /// <param name="path">The file.</param>
    /// <param name="limits">Caps; <see cref="DecodeLimits.Default"/> if null.</param>
    /// <exception cref="InvalidDataException">The file is missing, too large, no picture, truncated or damaged; the message names it.</exception>
    /// <exception cref="DllNotFoundException">libvips is not installed; the message says how to install it.</exception>
    public static Image Decode(string path, DecodeLimits? limits = null) => Decode(ReadFile(path, limits), path, limits);

    /// <summary>The content of a picture's file. Pipes and devices, which may never end, are refused without opening them.</summary>
    /// <param name="path">The file.</param>
    /// <param name="limits">Caps; <see cref="DecodeLimits.Default"/> if null.</param>
    /// <exception cref="InvalidDataException">The file is missing, empty, too large or no regular file; the message names it.</exception>
    public static byte[] ReadFile(string path, DecodeLimits? limits = null)
    {
        limits ??= DecodeLimits.Default;
        try
        {
            // What is no regular file has no length. Opening a pipe would wait for a writer.
            limits.RequireBytes(path, new FileInfo(File.ResolveLinkTarget(path, returnFinalTarget: true)?.FullName ?? path).Length);
            using var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read);
            limits.RequireBytes(path, stream.Length);
            byte[] file = new byte[stream.Length];
            stream.ReadExactly(file);
            return file;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            string reason = e is FileNotFoundException or DirectoryNotFoundException ? "the file does not exist" : e.Message;
            throw new InvalidDataException($"{path}: the picture cannot be read: {reason}", e);
        }
    }

    /// <summary>Decodes a file that is already in memory.</summary>
    /// <param name="file">The file's bytes.</param>
    /// <param name="name">What messages call it.</param>
    /// <param name="limits">Caps; <see cref="DecodeLimits.Default"/> if null.</param>
    /// <exception cref="InvalidDataException">The bytes are too many, no picture, truncated or damaged.</exception>
    /// <exception cref="DllNotFoundException">libvips is not installed.</exception>
    public static Image Decode(byte[] file, string name, DecodeLimits? limits = null)
    {
        ArgumentNullException.ThrowIfNull(file);
        limits ??= DecodeLimits.Default;
        limits.RequireBytes(name, file.Length);
        var format = ImageFormats.Sniff(file);
        return format switch
        {
            ImageFormat.Unknown => throw new InvalidDataException(
                $"{name}: not a picture that can be read; expected {ImageFormats.Supported}, but the content {ImageFormats.Describe(file)}."),
            ImageFormat.Bmp => BmpReader.Read(file, name, limits),
            ImageFormat.Gif => GifReader.Read(file, name, limits),
            _ => LoadWithVips(file, name, format, limits),
        };
    }

    /// <summary>The size of a picture from its header, without decoding it; damage behind the header is not noticed.</summary>
    /// <param name="file">The file's bytes.</param>
    /// <param name="name">What messages call it.</param>
    /// <param name="applyExif">Whether the orientation mark is obeyed.</param>
    /// <param name="limits">Caps; <see cref="DecodeLimits.Default"/> if null.</param>
    /// <exception cref="InvalidDataException">The bytes are too many, no picture, or the header is damaged or beyond the limits.</exception>
    /// <exception cref="DllNotFoundException">libvips is not installed.</exception>
    public static PixelSize ReadSize(byte[] file, string name, bool applyExif = false, DecodeLimits? limits = null)
    {
        ArgumentNullException.ThrowIfNull(file);
        limits ??= DecodeLimits.Default;
        limits.RequireBytes(name, file.Length);
        var format = ImageFormats.Sniff(file);
        if (format is ImageFormat.Unknown or ImageFormat.Bmp or ImageFormat.Gif)
        {
            // Small formats without a lazy loader; and the one message for what is no picture.
            Image image = Decode(file, name, limits);
            return new PixelSize(image.Width, image.Height);
        }
        var size = VipsCodec.ReadSize(format, file, name, limits);
        const int FirstSideways = 5;
        return (applyExif || format == ImageFormat.Tiff) && ExifOrientation.Find(file, format) >= FirstSideways ? new PixelSize(size.Height, size.Width) : size;
    }

    private static Image LoadWithVips(byte[] file, string name, ImageFormat format, DecodeLimits limits)
    {
        RequireComplete(file, name, format);
        var raster = VipsCodec.Load(format, file, name, limits);
        int orientation = ExifOrientation.Find(file, format);
        bool pngGrey = format == ImageFormat.Png && file[PngColourType] == 0;
        var image = RasterConversion.ToImage(raster, name, orientation, pngGrey);
        if (format != ImageFormat.Tiff)
        {
            return image;
        }
        // Pillow turns TIFF files, and only those, upright while loading.
        return RasterConversion.DropUnspecifiedChannel(image, ExifOrientation.TiffEntry(file, RasterConversion.ExtraSamplesTag)).Upright();
    }

    /// <summary>Catches the commonest kind of damage, an interrupted copy, with a message that says so.</summary>
    private static void RequireComplete(ReadOnlySpan<byte> file, string name, ImageFormat format)
    {
        if (format == ImageFormat.WebP)
        {
            long declared = 8L + BinaryPrimitives.ReadUInt32LittleEndian(file[4..]);
            if (file.Length < declared)
            {
                throw new InvalidDataException($"{name}: the WebP file is truncated: {declared} bytes declared, {file.Length} found.");
            }
        }
        else if (format == ImageFormat.Png)
        {
            RequirePngChunks(file, name);
        }
        else if (format == ImageFormat.Jpeg && file.Count((ReadOnlySpan<byte>)[0xFF, 0xDA]) > MaxJpegScans)
        {
            // Each scan passes over the whole picture; within compressed data the marker's bytes cannot occur.
            throw new InvalidDataException($"{name}: the JPEG file has more than {MaxJpegScans} scans; refused, since decoding could take hours.");
        }
    }

    private static void RequirePngChunks(ReadOnlySpan<byte> file, string name)
    {
        const int HeaderEnd = 33;
        if (file.Length < HeaderEnd)
        {
            throw new InvalidDataException($"{name}: the PNG file is truncated: the header takes {HeaderEnd} bytes, {file.Length} found.");
        }
        if (!file.Slice(12, 4).SequenceEqual("IHDR"u8))
        {
            throw new InvalidDataException($"{name}: damaged PNG file: the first chunk is not IHDR.");
        }
        long at = 8;
        while (at < file.Length)
        {
            if (at + 12 > file.Length || at + 12 + BinaryPrimitives.ReadUInt32BigEndian(file[(int)at..]) > file.Length)
            {
                throw new InvalidDataException($"{name}: the PNG file is truncated: the chunk at byte {at} goes beyond the end at {file.Length}.");
            }
            if (file.Slice((int)at + 4, 4).SequenceEqual("IEND"u8))
            {
                return;
            }
            at += 12 + BinaryPrimitives.ReadUInt32BigEndian(file[(int)at..]);
        }
        throw new InvalidDataException($"{name}: the PNG file is truncated: it ends at byte {file.Length} without an IEND chunk.");
    }
}
