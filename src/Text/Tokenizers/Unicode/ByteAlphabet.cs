namespace Lorikeet.Text.Tokenizers;

/// <summary>
/// The printable alphabet of byte-level BPE: each byte has one character, so that a vocabulary of bytes can be
/// written as text. Printable Latin-1 stands for itself, the other 68 bytes are U+0100 and following.
/// </summary>
internal static class ByteAlphabet
{
    private static readonly int[] ToChar = Build();
    private static readonly short[] ToByte = Invert();

    /// <summary>The character that stands for a byte.</summary>
    public static int Char(int value) => ToChar[value];

    /// <summary>The byte that a character stands for, or -1.</summary>
    public static int Byte(int c) => (uint)c < (uint)ToByte.Length ? ToByte[c] : -1;

    /// <summary>Appends the bytes of a token; a token with a foreign character counts as plain UTF-8.</summary>
    public static byte[] Bytes(string token)
    {
        byte[] bytes = new byte[token.Length];
        for (int i = 0; i < token.Length; i++)
        {
            int value = Byte(token[i]);
            if (value < 0)
            {
                return System.Text.Encoding.UTF8.GetBytes(token);
            }

            bytes[i] = (byte)value;
        }

        return bytes;
    }

    private static int[] Build()
    {
        int[] map = new int[256];
        int next = 256;
        for (int b = 0; b < 256; b++)
        {
            bool printable = b is (>= '!' and <= '~') or (>= 0xA1 and <= 0xAC) or >= 0xAE;
            map[b] = printable ? b : next++;
        }

        return map;
    }

    private static short[] Invert()
    {
        short[] map = new short[ToChar.Max() + 1];
        Array.Fill(map, (short)-1);
        for (int b = 0; b < 256; b++)
        {
            map[ToChar[b]] = (short)b;
        }

        return map;
    }
}
