using System.Buffers.Binary;
using System.IO.Compression;

namespace Lorikeet.Imaging.Tests;

/// <summary>Writes small picture files byte by byte, also ones that no sane encoder writes.</summary>
internal static class PictureFiles
{
    /// <summary>A PNG file from raw samples (rows without filter bytes).</summary>
    public static byte[] Png(int width, int height, int bits, int colourType, byte[] rows, params (string Type, byte[] Data)[] chunks)
    {
        int channels = colourType switch { 2 => 3, 4 => 2, 6 => 4, _ => 1 };
        int stride = (width * channels * bits + 7) / 8;
        using var raw = new MemoryStream();
        using (var zip = new ZLibStream(raw, CompressionLevel.Fastest, leaveOpen: true))
        {
            for (int at = 0; at < rows.Length; at += stride)
            {
                zip.WriteByte(0);
                zip.Write(rows, at, stride);
            }
        }
        byte[] header = [.. U32(width), .. U32(height), (byte)bits, (byte)colourType, 0, 0, 0];
        byte[] file = [0x89, .. "PNG\r\n\x1a\n"u8, .. Chunk("IHDR", header)];
        foreach (var (type, data) in chunks)
        {
            file = [.. file, .. Chunk(type, data)];
        }
        return [.. file, .. Chunk("IDAT", raw.ToArray()), .. Chunk("IEND", [])];
    }

    /// <summary>An uncompressed bitmap; rows bottom up, each padded to four bytes by the caller.</summary>
    public static byte[] Bmp(int width, int height, int bits, byte[] palette, byte[] rows, int compression = 0, byte[]? masks = null)
    {
        masks ??= [];
        int offset = 54 + masks.Length + palette.Length;
        return
        [
            .. "BM"u8, .. L32(offset + rows.Length), 0, 0, 0, 0, .. L32(offset),
            .. L32(40), .. L32(width), .. L32(height), 1, 0, (byte)bits, 0, .. L32(compression), .. L32(rows.Length), .. new byte[8],
            .. L32(palette.Length / 4), .. new byte[4], .. masks, .. palette, .. rows,
        ];
    }

    /// <summary>A one-strip, uncompressed, little-endian TIFF.</summary>
    public static byte[] Tiff(int width, int height, int[] bits, int photometric, byte[] pixels, params (int Tag, int Value)[] more)
    {
        var entries = new List<(int Tag, int Type, int Count, int Value)>
        {
            (256, 3, 1, width), (257, 3, 1, height), (259, 3, 1, 1), (262, 3, 1, photometric), (273, 4, 1, 8), (277, 3, 1, bits.Length),
            (278, 3, 1, height), (279, 4, 1, pixels.Length),
        };
        int extra = 8 + pixels.Length + (pixels.Length & 1);
        entries.Add(bits.Length == 1 ? (258, 3, 1, bits[0]) : bits.Length == 2 ? (258, 3, 2, bits[0] | (bits[1] << 16)) : (258, 3, bits.Length, extra));
        entries.AddRange(more.Select(m => (m.Tag, 3, 1, m.Value)));
        int directory = extra + 2 * bits.Length;
        byte[] file = [.. "II*\0"u8, .. L32(directory), .. pixels, .. new byte[pixels.Length & 1], .. bits.SelectMany(b => L16(b)), .. L16(entries.Count)];
        foreach (var (tag, type, count, value) in entries.OrderBy(e => e.Tag))
        {
            file = [.. file, .. L16(tag), .. L16(type), .. L32(count), .. L32(value)];
        }
        return [.. file, 0, 0, 0, 0];
    }

    /// <summary>A GIF of 2-bit pixels whose codes are never compressed: a clear code stands before every second pixel.</summary>
    public static byte[] Gif(int canvasWidth, int canvasHeight, (int Left, int Top, int Width, int Height) frame, byte[] palette, byte[] pixels, int transparent = -1, bool interlaced = false)
    {
        var bits = new List<bool>();
        for (int i = 0; i < pixels.Length; i++)
        {
            if (i % 2 == 0)
            {
                Add(4);
            }
            Add(pixels[i]);
        }
        Add(5);
        byte[] data = [.. bits.Chunk(8).Select(b => (byte)b.Select((on, i) => on ? 1 << i : 0).Sum())];
        byte[] control = transparent < 0 ? [] : [0x21, 0xF9, 4, 1, 0, 0, (byte)transparent, 0];
        byte[] image = [0x2C, .. L16(frame.Left), .. L16(frame.Top), .. L16(frame.Width), .. L16(frame.Height), (byte)(interlaced ? 0x40 : 0), 2];
        byte[] blocks = [.. data.Chunk(255).SelectMany(b => (byte[])[(byte)b.Length, .. b]), 0];
        return [.. "GIF89a"u8, .. L16(canvasWidth), .. L16(canvasHeight), 0x81, 0, 0, .. palette, .. control, .. image, .. blocks, 0x3B];

        void Add(int code)
        {
            for (int i = 0; i < 3; i++)
            {
                bits.Add(((code >> i) & 1) != 0);
            }
        }
    }

    private static byte[] Chunk(string type, byte[] data)
    {
        byte[] body = [.. System.Text.Encoding.ASCII.GetBytes(type), .. data];
        return [.. U32(data.Length), .. body, .. U32((int)Crc(body))];
    }

    private static uint Crc(byte[] data)
    {
        uint crc = 0xFFFFFFFF;
        foreach (byte b in data)
        {
            crc ^= b;
            for (int k = 0; k < 8; k++)
            {
                crc = (crc & 1) != 0 ? (crc >> 1) ^ 0xEDB88320 : crc >> 1;
            }
        }
        return ~crc;
    }

    private static byte[] U32(int value)
    {
        var bytes = new byte[4];
        BinaryPrimitives.WriteInt32BigEndian(bytes, value);
        return bytes;
    }

    private static byte[] L16(int value) => [(byte)value, (byte)(value >> 8)];

    private static byte[] L32(int value) => [.. L16(value), .. L16(value >> 16)];
}
