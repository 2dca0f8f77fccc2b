using System.Globalization;
using System.Text;

namespace Lorikeet.Data.Augment;

/// <summary>A piece of text that phrases are compared by: a word, one character of a script without spaces, white space, or a sign.</summary>
/// <param name="Start">First character.</param>
/// <param name="End">Behind the last character.</param>
/// <param name="Key">Lower-case word, the character, or one space for any white space.</param>
internal readonly record struct TextUnit(int Start, int End, string Key)
{
    private enum Kind
    {
        Word,
        Single,
        Space,
    }

    /// <summary>The pieces of a text, which together are the text.</summary>
    public static List<TextUnit> Split(string text)
    {
        var units = new List<TextUnit>();
        int start = 0;
        while (start < text.Length)
        {
            Kind kind = KindAt(text, start, out int end);
            while (kind != Kind.Single && end < text.Length && KindAt(text, end, out int next) == kind)
            {
                end = next;
            }

            units.Add(new TextUnit(start, end, kind == Kind.Space ? " " : text[start..end].ToLowerInvariant()));
            start = end;
        }

        return units;
    }

    private static Kind KindAt(string text, int at, out int end)
    {
        _ = Rune.DecodeFromUtf16(text.AsSpan(at), out Rune rune, out int length);
        end = at + length;
        if (Rune.IsWhiteSpace(rune))
        {
            return Kind.Space;
        }

        bool isWord = Rune.IsLetterOrDigit(rune) || Rune.GetUnicodeCategory(rune) is UnicodeCategory.NonSpacingMark or UnicodeCategory.SpacingCombiningMark;
        return isWord && !IsOfScriptWithoutSpaces(rune.Value) ? Kind.Word : Kind.Single;
    }

    private static bool IsOfScriptWithoutSpaces(int code) => code is
        (>= 0x0E00 and <= 0x0EFF)       // Thai, Lao
        or (>= 0x1000 and <= 0x109F)    // Burmese
        or (>= 0x1780 and <= 0x17FF)    // Khmer
        or (>= 0x2E80 and <= 0x30FF)    // radicals, kana
        or (>= 0x31F0 and <= 0x31FF)
        or (>= 0x3400 and <= 0x9FFF)    // Han
        or (>= 0xF900 and <= 0xFAFF)
        or (>= 0xFF66 and <= 0xFF9F)    // narrow katakana
        or (>= 0x20000 and <= 0x3FFFF); // Han, further planes
}
