using System.Buffers.Binary;
using System.Numerics;

namespace Lorikeet.Imaging;

/// <summary>
/// Reads Windows and OS/2 bitmaps: 1, 4, 8 bits with palette (plain or run-length coded), 16, 24 and 32 bits. libvips has no loader of
/// its own for them. Everything is checked against the file's length before a pixel is written. Pixels equal Pillow's.
/// </summary>
internal ref struct BmpReader
{
    private const int FileHeader = 14;
    private const int Plain = 0, Rle8 = 1, Rle4 = 2, BitFields = 3;

    private readonly ReadOnlySpan<byte> _file;
    private readonly string _name;
    private int _width, _height, _bits, _compression, _palette, _paletteStride, _colors, _data;
    private bool _topDown;
    private uint _red, _green, _blue, _alpha;

    private BmpReader(ReadOnlySpan<byte> file, string name)
    {
        _file = file;
        _name = name;
    }

    /// <summary>Decodes a bitmap.</summary>
    public static Image Read(ReadOnlySpan<byte> file, string name, DecodeLimits limits)
    {
        var reader = new BmpReader(file, name);
        reader.ReadHeader(limits);
        return reader._bits <= 8 ? reader.ReadIndexed() : reader.ReadDirect();
    }

    private void ReadHeader(DecodeLimits limits)
    {
        Need(FileHeader, 4, "header");
        uint headerSize = U32(FileHeader);
        if (headerSize is not (12 or 40 or 52 or 56 or 64 or 108 or 124))
        {
            throw Bad($"header of {headerSize} bytes; known are 12, 40, 52, 56, 64, 108 and 124");
        }
        Need(FileHeader, headerSize, "header");
        if (headerSize == 12)
        {
            (_width, _height, _bits) = (U16(18), U16(20), U16(24));
            _paletteStride = 3;
        }
        else
        {
            (_width, _bits, _compression) = ((int)U32(18), U16(28), (int)U32(30));
            int height = (int)U32(22);
            _topDown = height < 0;
            _height = height == int.MinValue ? 0 : Math.Abs(height);
            _paletteStride = 4;
        }
        limits.RequireSize(_name, _width, _height);
        _palette = FileHeader + (int)headerSize;
        ReadLayout((int)headerSize);
        long data = U32(10);
        if (data < _palette || data >= _file.Length)
        {
            throw Bad($"pixels at byte {data} of {_file.Length}");
        }
        _data = (int)data;
    }

    private void ReadLayout(int headerSize)
    {
        if (_bits is not (1 or 4 or 8 or 16 or 24 or 32))
        {
            throw Bad($"{_bits} bits per pixel; known are 1, 4, 8, 16, 24 and 32");
        }
        bool runs = (_compression == Rle8 && _bits == 8) || (_compression == Rle4 && _bits == 4);
        if (_compression != Plain && !runs && !(_compression == BitFields && _bits >= 16))
        {
            throw Bad($"compression {_compression} at {_bits} bits per pixel");
        }
        if (_bits <= 8)
        {
            uint colors = headerSize == 12 ? 0 : U32(46);
            _colors = (int)Math.Min(colors == 0 ? 1u << _bits : colors, 256);
            Need(_palette, _colors * _paletteStride, "palette");
        }
        else if (_compression == BitFields)
        {
            Need(54, 12, "bit masks");
            (_red, _green, _blue) = (U32(54), U32(58), U32(62));
            _alpha = headerSize >= 56 ? U32(66) : 0;
            RequireKnownMasks();
        }
        else
        {
            (_red, _green, _blue) = _bits == 16 ? (0x7C00u, 0x3E0u, 0x1Fu) : (0xFF0000u, 0xFF00u, 0xFFu);
        }
    }

    private void RequireKnownMasks()
    {
        bool allZero = (_red | _green | _blue | _alpha) == 0;
        if (_bits == 32 && allZero)
        {
            (_red, _green, _blue, _alpha) = (0xFF0000, 0xFF00, 0xFF, 0xFF000000);
        }
        // Sub-byte fields occur at 16 bits only; elsewhere every mask is one whole byte.
        bool known = _bits == 16
            ? (_red, _green, _blue) is (0xF800, 0x7E0, 0x1F) or (0x7C00, 0x3E0, 0x1F)
            : IsByte(_red) && IsByte(_green) && IsByte(_blue) && (_alpha == 0 || IsByte(_alpha))
                && BitOperations.PopCount(_red | _green | _blue | _alpha) == (_alpha == 0 ? 24 : 32);
        if (!known)
        {
            throw Bad($"bit masks {_red:X8} {_green:X8} {_blue:X8} {_alpha:X8} at {_bits} bits per pixel");
        }
        static bool IsByte(uint mask) => mask is 0xFF or 0xFF00 or 0xFF0000 or 0xFF000000;
    }

    private readonly Image ReadIndexed()
    {
        var indices = _compression == Plain ? PlainIndices() : RunLengthIndices();
        var pixels = new byte[indices.Length * 3];
        for (int i = 0; i < indices.Length; i++)
        {
            // An index beyond the palette is black.
            if (indices[i] < _colors)
            {
                int entry = _palette + indices[i] * _paletteStride;
                (pixels[3 * i], pixels[3 * i + 1], pixels[3 * i + 2]) = (_file[entry + 2], _file[entry + 1], _file[entry]);
            }
        }
        return new Image(_width, _height, PixelMode.RGB, pixels);
    }

    private readonly byte[] PlainIndices()
    {
        int stride = RequireRows();
        var indices = new byte[_width * _height];
        int perByte = 8 / _bits, mask = (1 << _bits) - 1;
        for (int y = 0; y < _height; y++)
        {
            int row = RowStart(y, stride), to = y * _width;
            for (int x = 0; x < _width; x++)
            {
                int shift = (perByte - 1 - x % perByte) * _bits;
                indices[to + x] = (byte)((_file[row + x / perByte] >> shift) & mask);
            }
        }
        return indices;
    }

    /// <summary>Runs are stored bottom row first unless the height is negative; pixels that no run covers are index 0.</summary>
    private readonly byte[] RunLengthIndices()
    {
        const int EndOfLine = 0, EndOfBitmap = 1, Delta = 2;
        var indices = new byte[_width * _height];
        int at = _data;
        long x = 0, row = 0;
        while (row < _height)
        {
            Need(at, 2, "run-length coded pixels");
            int count = _file[at], value = _file[at + 1];
            at += 2;
            if (count > 0)
            {
                for (int i = 0; i < count; i++)
                {
                    Put(indices, x++, row, _compression == Rle8 ? value : i % 2 == 0 ? value >> 4 : value & 15);
                }
            }
            else if (value == EndOfLine)
            {
                (x, row) = (0, row + 1);
            }
            else if (value == EndOfBitmap)
            {
                break;
            }
            else if (value == Delta)
            {
                Need(at, 2, "run-length coded pixels");
                (x, row) = (x + _file[at], row + _file[at + 1]);
                at += 2;
            }
            else
            {
                int bytes = _compression == Rle8 ? value : (value + 1) / 2;
                Need(at, bytes, "run-length coded pixels");
                for (int i = 0; i < value; i++)
                {
                    int packed = _compression == Rle8 ? _file[at + i] : _file[at + i / 2] >> (i % 2 == 0 ? 4 : 0);
                    Put(indices, x++, row, _compression == Rle8 ? packed : packed & 15);
                }
                at += bytes + (bytes & 1);
            }
        }
        return indices;
    }

    private readonly void Put(byte[] indices, long x, long row, int value)
    {
        if (x < _width && row < _height)
        {
            long y = _topDown ? row : _height - 1 - row;
            indices[y * _width + x] = (byte)value;
        }
    }

    private readonly Image ReadDirect()
    {
        int stride = RequireRows();
        bool hasAlpha = _alpha != 0;
        int size = _bits / 8, channels = hasAlpha ? 4 : 3;
        var pixels = new byte[_width * _height * channels];
        int to = 0;
        for (int y = 0; y < _height; y++)
        {
            int row = RowStart(y, stride);
            for (int x = 0; x < _width; x++, to += channels)
            {
                int at = row + x * size;
                uint value = size switch { 2 => (uint)U16(at), 3 => (uint)(U16(at) | (_file[at + 2] << 16)), _ => U32(at) };
                (pixels[to], pixels[to + 1], pixels[to + 2]) = (Field(value, _red), Field(value, _green), Field(value, _blue));
                if (hasAlpha)
                {
                    pixels[to + 3] = Field(value, _alpha);
                }
            }
        }
        return new Image(_width, _height, hasAlpha ? PixelMode.RGBA : PixelMode.RGB, pixels);
    }

    private static byte Field(uint pixel, uint mask)
    {
        int shift = BitOperations.TrailingZeroCount(mask);
        return (byte)(((pixel & mask) >> shift) * 255 / (mask >> shift));
    }

    private readonly int RequireRows()
    {
        long stride = ((long)_width * _bits + 31) / 32 * 4;
        long lastRow = ((long)_width * _bits + 7) / 8;
        Need(_data, stride * (_height - 1) + lastRow, "pixels");
        return (int)stride;
    }

    private readonly int RowStart(int y, int stride) => _data + (_topDown ? y : _height - 1 - y) * stride;

    private readonly void Need(long at, long count, string what)
    {
        if (at + count > _file.Length)
        {
            throw new InvalidDataException(
                $"{_name}: the BMP file is truncated: {what} need bytes {at} to {at + count}, the file ends at {_file.Length}.");
        }
    }

    private readonly InvalidDataException Bad(string found) => new($"{_name}: unsupported or damaged BMP file: {found}.");

    private readonly int U16(int at) => BinaryPrimitives.ReadUInt16LittleEndian(_file[at..]);

    private readonly uint U32(int at) => BinaryPrimitives.ReadUInt32LittleEndian(_file[at..]);
}
