using System.Globalization;
using System.Text;

namespace Lorikeet.Text.Tokenizers;

/// <summary>Questions about single code points, answered as the reference's libraries answer them.</summary>
internal static class CodePoint
{
    public const int Max = 0x10FFFF;

    /// <summary>Unicode White_Space: what Rust and Oniguruma call a space.</summary>
    public static bool IsWhiteSpace(int c) =>
        c is 0x20 or (>= 9 and <= 13)
        || (c >= 0x85 && c is 0x85 or 0xA0 or 0x1680 or (>= 0x2000 and <= 0x200A) or 0x2028 or 0x2029 or 0x202F or 0x205F or 0x3000);

    public static UnicodeCategory Category(int c) => CharUnicodeInfo.GetUnicodeCategory(c);

    /// <summary>Nd, Nl or No.</summary>
    public static bool IsNumeric(int c) =>
        c < 0x80 ? c is >= '0' and <= '9' : Category(c) is UnicodeCategory.DecimalDigitNumber or UnicodeCategory.LetterNumber or UnicodeCategory.OtherNumber;

    /// <summary>Word characters of Rust's regex library: Alphabetic, marks, decimal digits, connectors, joiners.</summary>
    public static bool IsWord(int c) =>
        IsWordCategory(Category(c)) || IsOtherAlphabeticSymbol(c) || c is 0x200C or 0x200D;

    /// <summary>Word characters of Oniguruma: it adds the numbers of Latin-1 and leaves the joiners out.</summary>
    public static bool IsOnigurumaWord(int c) =>
        IsWordCategory(Category(c)) || IsOtherAlphabeticSymbol(c) || c is 0xB2 or 0xB3 or 0xB9 or (>= 0xBC and <= 0xBE);

    /// <summary>ASCII punctuation (symbols included) or a Unicode P category.</summary>
    public static bool IsPunctuation(int c) =>
        c < 0x80
            ? c is (>= '!' and <= '/') or (>= ':' and <= '@') or (>= '[' and <= '`') or (>= '{' and <= '~')
            : Category(c) is >= UnicodeCategory.ConnectorPunctuation and <= UnicodeCategory.OtherPunctuation;

    public static int ToLower(int c) => Rune.IsValid(c) ? Rune.ToLowerInvariant(new Rune(c)).Value : c;

    public static int ToUpper(int c) => Rune.IsValid(c) ? Rune.ToUpperInvariant(new Rune(c)).Value : c;

    /// <summary>Bytes of a code point in UTF-8.</summary>
    public static int Utf8Length(int c) => c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;

    /// <summary>The UTF-8 bytes of a code point; returns how many were written.</summary>
    public static int EncodeUtf8(int c, Span<byte> bytes) => (Rune.IsValid(c) ? new Rune(c) : Rune.ReplacementChar).EncodeToUtf8(bytes);

    /// <summary>
    /// Code points of a string. A lone surrogate, which is no character, becomes U+FFFD.
    /// </summary>
    public static int[] FromString(ReadOnlySpan<char> text, out int length)
    {
        int[] chars = new int[text.Length];
        length = 0;
        for (int i = 0; i < text.Length; i++)
        {
            int c = text[i];
            if ((c & 0xF800) == 0xD800)
            {
                if (i + 1 < text.Length && char.IsSurrogatePair(text[i], text[i + 1]))
                {
                    c = char.ConvertToUtf32(text[i], text[i + 1]);
                    i++;
                }
                else
                {
                    c = 0xFFFD;
                }
            }

            chars[length++] = c;
        }

        return chars;
    }

    /// <summary>Code points of a string in an array of just that length.</summary>
    public static int[] FromString(string text)
    {
        int[] chars = FromString(text, out int length);
        return length == chars.Length ? chars : chars[..length];
    }

    /// <summary>The string of a run of code points.</summary>
    public static string ToString(ReadOnlySpan<int> chars)
    {
        StringBuilder builder = new(chars.Length);
        foreach (int c in chars)
        {
            Append(builder, c);
        }

        return builder.ToString();
    }

    public static void Append(StringBuilder builder, int c)
    {
        if (c < 0x10000)
        {
            builder.Append((char)c);
        }
        else
        {
            builder.Append(char.ConvertFromUtf32(c));
        }
    }

    // L*, M*, Nd, Nl, Pc.
    private static bool IsWordCategory(UnicodeCategory category) =>
        category <= UnicodeCategory.LetterNumber || category == UnicodeCategory.ConnectorPunctuation;

    // Other_Alphabetic outside of the letters and marks: circled and squared Latin letters.
    private static bool IsOtherAlphabeticSymbol(int c) =>
        c is (>= 0x24B6 and <= 0x24E9) or (>= 0x1F130 and <= 0x1F149) or (>= 0x1F150 and <= 0x1F169) or (>= 0x1F170 and <= 0x1F189);
}
