using System.Buffers.Binary;

namespace Lorikeet.Imaging;

/// <summary>
/// Finds the orientation tag of a file: EXIF (JPEG APP1, PNG eXIf, WebP EXIF, TIFF's first directory), else XMP, as Pillow looks for it.
/// Every offset is checked; a damaged block counts as no tag, because the tag is optional information.
/// </summary>
internal static class ExifOrientation
{
    private const int OrientationTag = 0x0112;

    /// <summary>The tag's value, 1 to 8; 1 where there is none.</summary>
    public static int Find(ReadOnlySpan<byte> file, ImageFormat format)
    {
        int value = format switch
        {
            ImageFormat.Jpeg => InJpeg(file),
            ImageFormat.Png => InChunks(file, 8, bigEndian: true),
            ImageFormat.WebP => InChunks(file, 12, bigEndian: false),
            ImageFormat.Tiff => InTiff(file) ?? 1,
            _ => 1,
        };
        return value is >= 1 and <= 8 ? value : 1;
    }

    /// <summary>The first value of an integer entry of a TIFF file's first directory; null where there is none.</summary>
    public static int? TiffEntry(ReadOnlySpan<byte> tiff, int tag)
    {
        if (tiff.Length < 8)
        {
            return null;
        }
        bool big = tiff[0] == (byte)'M';
        long directory = U32(tiff, 4, big);
        if (directory + 2 > tiff.Length)
        {
            return null;
        }
        int count = U16(tiff, (int)directory, big);
        for (int i = 0; i < count; i++)
        {
            long entry = directory + 2 + 12L * i;
            if (entry + 12 > tiff.Length)
            {
                return null;
            }
            if (U16(tiff, (int)entry, big) == tag)
            {
                return EntryValue(tiff, (int)entry, big);
            }
        }
        return null;
    }

    private static int? EntryValue(ReadOnlySpan<byte> tiff, int entry, bool big)
    {
        const int Byte = 1, Short = 3, Long = 4;
        if (U32(tiff, entry + 4, big) < 1)
        {
            return null;
        }
        return U16(tiff, entry + 2, big) switch
        {
            Byte => tiff[entry + 8],
            Short => U16(tiff, entry + 8, big),
            Long => (int)Math.Min(U32(tiff, entry + 8, big), int.MaxValue),
            _ => null,
        };
    }

    private static int? InTiff(ReadOnlySpan<byte> tiff) =>
        tiff.StartsWith("II*\0"u8) || tiff.StartsWith("MM\0*"u8) ? TiffEntry(tiff, OrientationTag) : null;

    private static int? InExif(ReadOnlySpan<byte> block) => InTiff(block.StartsWith("Exif\0\0"u8) ? block[6..] : block);

    private static int InJpeg(ReadOnlySpan<byte> file)
    {
        int? exif = null, xmp = null;
        int at = 2;
        while (at + 4 <= file.Length && file[at] == 0xFF)
        {
            int marker = file[at + 1];
            if (marker == 0xFF)
            {
                at++;
                continue;
            }
            int length = BinaryPrimitives.ReadUInt16BigEndian(file[(at + 2)..]);
            if (marker is 0xD9 or 0xDA || length < 2 || at + 2 + length > file.Length)
            {
                break;
            }
            var body = file.Slice(at + 4, length - 2);
            if (marker == 0xE1)
            {
                exif ??= body.StartsWith("Exif\0\0"u8) ? InExif(body) : null;
                xmp ??= body.StartsWith("http://ns.adobe.com/xap/1.0/\0"u8) ? InXmp(body) : null;
            }
            at += 2 + length;
        }
        return exif ?? xmp ?? 1;
    }

    private static int InChunks(ReadOnlySpan<byte> file, int start, bool bigEndian)
    {
        // PNG chunks are length, type, data, checksum; RIFF chunks are type, length, data, padding to an even length.
        int? exif = null, xmp = null;
        long at = start;
        while (at + 8 <= file.Length)
        {
            var head = file.Slice((int)at, 8);
            long length = bigEndian ? U32(head, 0, true) : U32(head, 4, false);
            var type = bigEndian ? head[4..] : head[..4];
            if (at + 8 + length > file.Length)
            {
                break;
            }
            var body = file.Slice((int)at + 8, (int)length);
            if (type.SequenceEqual("eXIf"u8) || type.SequenceEqual("EXIF"u8))
            {
                exif ??= InExif(body);
            }
            else if (type.SequenceEqual("XMP "u8) || (type.SequenceEqual("iTXt"u8) && body.StartsWith("XML:com.adobe.xmp\0"u8)))
            {
                xmp ??= InXmp(body);
            }
            at += 8 + (bigEndian ? length + 4 : length + (length & 1));
        }
        return exif ?? xmp ?? 1;
    }

    private static int? InXmp(ReadOnlySpan<byte> text)
    {
        var key = "tiff:Orientation"u8;
        for (int found = text.IndexOf(key); found >= 0; found = text.IndexOf(key))
        {
            text = text[(found + key.Length)..];
            int skip = text.StartsWith("=\""u8) ? 2 : text.StartsWith(">"u8) ? 1 : 0;
            if (skip > 0 && text.Length > skip && text[skip] is >= (byte)'0' and <= (byte)'9')
            {
                return text[skip] - '0';
            }
        }
        return null;
    }

    private static int U16(ReadOnlySpan<byte> data, int at, bool big) =>
        big ? BinaryPrimitives.ReadUInt16BigEndian(data[at..]) : BinaryPrimitives.ReadUInt16LittleEndian(data[at..]);

    private static long U32(ReadOnlySpan<byte> data, int at, bool big) =>
        big ? BinaryPrimitives.ReadUInt32BigEndian(data[at..]) : BinaryPrimitives.ReadUInt32LittleEndian(data[at..]);
}
