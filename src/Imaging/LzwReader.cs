namespace Lorikeet.Imaging;

/// <summary>
/// GIF's LZW: codes of 2 to 12 bits, least significant bit first, in blocks of at most 255 bytes. A code stands for a text of pixels; its
/// texts are stored as chains, each entry naming the entry before it and one pixel more.
/// </summary>
internal ref struct LzwReader
{
    private const int MaxCodes = 4096;

    private readonly ReadOnlySpan<byte> _data;
    private readonly string _name;
    private readonly int _minimumBits;
    private readonly int _clear;
    private readonly short[] _prefix = new short[MaxCodes];
    private readonly byte[] _suffix = new byte[MaxCodes];
    private readonly byte[] _text = new byte[MaxCodes + 1];
    private int _at;
    private int _block;
    private uint _bits;
    private int _bitCount;

    /// <summary>Reads from the first block on.</summary>
    /// <param name="data">The blocks; what follows them is left alone.</param>
    /// <param name="name">The file's name, for messages.</param>
    /// <param name="minimumBits">Bits of a pixel.</param>
    public LzwReader(ReadOnlySpan<byte> data, string name, int minimumBits)
    {
        if (minimumBits is < 1 or > 11)
        {
            throw new InvalidDataException($"{name}: damaged GIF file: pixels of {minimumBits} bits; expected 1 to 8.");
        }
        _data = data;
        _name = name;
        _minimumBits = minimumBits;
        _clear = 1 << minimumBits;
    }

    /// <summary>Fills the pixels, and returns the number of bytes read.</summary>
    /// <exception cref="InvalidDataException">The data end early or are damaged.</exception>
    public int Read(Span<byte> pixels)
    {
        int next = _clear + 2, codeBits = _minimumBits + 1, previous = -1, filled = 0;
        byte first = 0;
        while (filled < pixels.Length)
        {
            int code = NextCode(codeBits, filled, pixels.Length);
            if (code == _clear)
            {
                (next, codeBits, previous) = (_clear + 2, _minimumBits + 1, -1);
                continue;
            }
            if (code == _clear + 1)
            {
                throw Truncated(filled, pixels.Length);
            }
            if (code > next || (previous < 0 && code > _clear))
            {
                throw new InvalidDataException($"{_name}: damaged GIF file: LZW code {code} where at most {next - 1} is defined.");
            }
            int length = Spell(code, next, previous, ref first);
            if (previous >= 0 && next < MaxCodes)
            {
                _prefix[next] = (short)previous;
                _suffix[next] = first;
                next++;
                codeBits += next == 1 << codeBits && codeBits < 12 ? 1 : 0;
            }
            previous = code;
            for (; length > 0 && filled < pixels.Length; filled++)
            {
                pixels[filled] = _text[--length];
            }
        }
        return _at;
    }

    /// <summary>Writes a code's text backwards, and returns its length; the code that is about to be defined repeats the last text.</summary>
    private readonly int Spell(int code, int next, int previous, ref byte first)
    {
        int length = 0;
        if (code == next)
        {
            _text[length++] = first;
            code = previous;
        }
        while (code >= _clear)
        {
            // Every entry names an older one, so the chain ends; the check is for the array.
            if (length >= MaxCodes)
            {
                throw new InvalidDataException($"{_name}: damaged GIF file: LZW codes that refer to each other.");
            }
            _text[length++] = _suffix[code];
            code = _prefix[code];
        }
        first = (byte)code;
        _text[length++] = first;
        return length;
    }

    private int NextCode(int codeBits, int filled, int wanted)
    {
        while (_bitCount < codeBits)
        {
            if (_block == 0)
            {
                _block = NextByte(filled, wanted);
                if (_block == 0)
                {
                    throw Truncated(filled, wanted);
                }
            }
            _bits |= (uint)NextByte(filled, wanted) << _bitCount;
            _bitCount += 8;
            _block--;
        }
        int code = (int)(_bits & ((1u << codeBits) - 1));
        _bits >>= codeBits;
        _bitCount -= codeBits;
        return code;
    }

    private byte NextByte(int filled, int wanted) => _at < _data.Length ? _data[_at++] : throw Truncated(filled, wanted);

    private readonly InvalidDataException Truncated(int filled, int wanted) =>
        new($"{_name}: the GIF file is truncated: {wanted} pixels expected, {filled} found.");
}
