using System.Globalization;
using System.Text;

namespace Lorikeet.Text.Chat.Templating;

/// <summary>Strings as Python sees them: sequences of code points. Offsets here count code points, not UTF-16 units.</summary>
internal static class PyChars
{
    /// <summary>True if no character needs two UTF-16 units, so that both ways of counting agree.</summary>
    public static bool IsFlat(string text) => !text.AsSpan().ContainsAnyInRange('\uD800', '\uDFFF');

    public static int Length(string text)
    {
        if (IsFlat(text))
        {
            return text.Length;
        }

        var count = 0;
        for (var i = 0; i < text.Length; i += Width(text, i))
        {
            count++;
        }

        return count;
    }

    /// <summary>UTF-16 units of the code point at <paramref name="index"/>; a lone surrogate counts as one code point.</summary>
    public static int Width(string text, int index) =>
        char.IsHighSurrogate(text[index]) && index + 1 < text.Length && char.IsLowSurrogate(text[index + 1]) ? 2 : 1;

    /// <summary>UTF-16 offset of the code point number <paramref name="position"/> (0..length).</summary>
    public static int Offset(string text, int position)
    {
        if (IsFlat(text))
        {
            return position;
        }

        var offset = 0;
        for (; position > 0; position--)
        {
            offset += Width(text, offset);
        }

        return offset;
    }

    /// <summary>Code point number of the UTF-16 offset.</summary>
    public static int Position(string text, int offset) => Length(text[..offset]);

    public static IEnumerable<string> Split(string text)
    {
        for (var i = 0; i < text.Length;)
        {
            var width = Width(text, i);
            yield return text.Substring(i, width);
            i += width;
        }
    }

    public static string Reverse(string text) => string.Concat(Split(text).Reverse());

    /// <summary>Python's <c>str.isspace</c> for one character: also the separators 0x1C to 0x1F, not U+200B.</summary>
    public static bool IsSpace(char c) => char.IsWhiteSpace(c) || c is >= '\x1c' and <= '\x1f';

    public static bool IsPrintable(Rune rune) => Rune.GetUnicodeCategory(rune) is not (
        UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.Surrogate or UnicodeCategory.PrivateUse
        or UnicodeCategory.OtherNotAssigned or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator
        or UnicodeCategory.SpaceSeparator);

    public static bool IsCased(Rune rune) => Rune.IsUpper(rune) || Rune.IsLower(rune) || IsTitle(rune);

    public static bool IsTitle(Rune rune) => Rune.GetUnicodeCategory(rune) == UnicodeCategory.TitlecaseLetter;

    public static int Compare(string a, string b)
    {
        if (IsFlat(a) && IsFlat(b))
        {
            return string.CompareOrdinal(a, b);
        }

        var common = Math.Min(a.Length, b.Length);
        for (var i = 0; i < common; i++)
        {
            if (a[i] != b[i])
            {
                // Surrogates stand for code points above all others.
                return char.IsSurrogate(a[i]) == char.IsSurrogate(b[i]) ? a[i] - b[i] : char.IsSurrogate(a[i]) ? 1 : -1;
            }
        }

        return a.Length - b.Length;
    }
}
