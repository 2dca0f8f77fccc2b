using System.Buffers.Binary;

namespace Lorikeet.Imaging;

/// <summary>
/// Reads the first frame of a GIF. libvips would lose the colour under transparent pixels, which Pillow's <c>convert("RGB")</c> shows,
/// so the frame is decoded here: RGB, or RGBA if the frame names a transparent colour.
/// </summary>
internal ref struct GifReader
{
    private const int ScreenHeader = 13;
    private const byte Extension = (byte)'!', ImageSeparator = (byte)',', Trailer = (byte)';', GraphicControl = 0xF9;

    private readonly ReadOnlySpan<byte> _file;
    private readonly string _name;
    private int _at;
    private int _transparent;

    private GifReader(ReadOnlySpan<byte> file, string name)
    {
        _file = file;
        _name = name;
        _transparent = -1;
    }

    /// <summary>Decodes the first frame onto the canvas.</summary>
    public static Image Read(ReadOnlySpan<byte> file, string name, DecodeLimits limits)
    {
        var reader = new GifReader(file, name);
        return reader.ReadFirstFrame(limits);
    }

    private Image ReadFirstFrame(DecodeLimits limits)
    {
        var screen = Take(ScreenHeader, "header");
        int canvasWidth = U16(screen, 6), canvasHeight = U16(screen, 8);
        var palette = (screen[10] & 0x80) != 0 ? Take(3 << ((screen[10] & 7) + 1), "palette") : default;
        SkipToFrame();
        var frame = Take(9, "frame header");
        int left = U16(frame, 0), top = U16(frame, 2), width = U16(frame, 4), height = U16(frame, 6);
        bool interlaced = (frame[8] & 0x40) != 0;
        if ((frame[8] & 0x80) != 0)
        {
            palette = Take(3 << ((frame[8] & 7) + 1), "palette");
        }
        // A frame may stick out of the canvas, which then grows.
        canvasWidth = Math.Max(canvasWidth, left + width);
        canvasHeight = Math.Max(canvasHeight, top + height);
        limits.RequireSize(_name, canvasWidth, canvasHeight);
        limits.RequireSize(_name, width, height);
        var indices = new byte[width * height];
        int bits = Take(1, "pixels")[0];
        _at += new LzwReader(_file[_at..], _name, bits).Read(indices);
        var canvas = new byte[canvasWidth * canvasHeight];
        Array.Fill(canvas, (byte)Math.Max(_transparent, 0));
        var rows = Rows(height, interlaced);
        for (int y = 0; y < height; y++)
        {
            indices.AsSpan(y * width, width).CopyTo(canvas.AsSpan((top + rows[y]) * canvasWidth + left));
        }
        return Colour(canvas, canvasWidth, canvasHeight, palette);
    }

    private void SkipToFrame()
    {
        for (byte kind = Take(1, "frame")[0]; kind != ImageSeparator; kind = Take(1, "frame")[0])
        {
            if (kind == Trailer)
            {
                throw new InvalidDataException($"{_name}: the GIF file holds no frame.");
            }
            if (kind != Extension)
            {
                continue;
            }
            byte label = Take(1, "extension")[0];
            for (int length = Take(1, "extension")[0]; length > 0; length = Take(1, "extension")[0])
            {
                var block = Take(length, "extension");
                if (label == GraphicControl && length >= 4)
                {
                    _transparent = (block[0] & 1) != 0 ? block[3] : -1;
                }
            }
        }
    }

    private static int[] Rows(int height, bool interlaced)
    {
        var rows = new int[height];
        int i = 0;
        foreach (var (start, step) in interlaced ? [(0, 8), (4, 8), (2, 4), (1, 2)] : new[] { (0, 1) })
        {
            for (int y = start; y < height; y += step)
            {
                rows[i++] = y;
            }
        }
        return rows;
    }

    private readonly Image Colour(byte[] indices, int width, int height, ReadOnlySpan<byte> palette)
    {
        bool hasAlpha = _transparent >= 0;
        int channels = hasAlpha ? 4 : 3;
        var pixels = new byte[indices.Length * channels];
        for (int i = 0, to = 0; i < indices.Length; i++, to += channels)
        {
            // Without any palette indices are grey levels; beyond a palette they are black.
            int index = indices[i], entry = index * 3;
            if (palette.IsEmpty)
            {
                pixels.AsSpan(to, 3).Fill((byte)index);
            }
            else if (entry < palette.Length)
            {
                palette.Slice(entry, 3).CopyTo(pixels.AsSpan(to));
            }
            if (hasAlpha)
            {
                pixels[to + 3] = (byte)(index == _transparent ? 0 : 255);
            }
        }
        return new Image(width, height, hasAlpha ? PixelMode.RGBA : PixelMode.RGB, pixels);
    }

    private ReadOnlySpan<byte> Take(int count, string what)
    {
        if (_at + count > _file.Length)
        {
            throw Truncated(what);
        }
        var taken = _file.Slice(_at, count);
        _at += count;
        return taken;
    }

    private readonly InvalidDataException Truncated(string what) =>
        new($"{_name}: the GIF file is truncated at byte {_at} of {_file.Length}: expected more {what}.");

    private readonly InvalidDataException Damaged(string found) => new($"{_name}: damaged GIF file at byte {_at}: {found}.");

    private static int U16(ReadOnlySpan<byte> data, int at) => BinaryPrimitives.ReadUInt16LittleEndian(data[at..]);
}
