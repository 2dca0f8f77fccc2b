using System.Text;

namespace Lorikeet.Text.Chat.Templating;

/// <summary>Upper, lower and title case with Unicode's one-to-many mappings, as Python's <c>str</c> methods.</summary>
internal static class PyCase
{
    // Unicode SpecialCasing.txt, unconditional upper-case mappings to several characters: "from to" pairs.
    private static readonly Dictionary<char, string> Upper = Parse(
        "ß SS ı I ŉ ʼN ǰ J̌ ΐ Ϊ́ ΰ Ϋ́ և ԵՒ ẖ H̱ ẗ T̈ ẘ W̊ ẙ Y̊ ẚ Aʾ ﬀ FF ﬁ FI ﬂ FL ﬃ FFI ﬄ FFL ﬅ ST ﬆ ST ﬓ ՄՆ ﬔ ՄԵ ﬕ ՄԻ ﬖ ՎՆ ﬗ ՄԽ");

    public static string ToUpper(string text)
    {
        var upper = text.ToUpperInvariant();
        return upper.AsSpan().ContainsAnyExceptInRange('\0', '\x7f') ? Expand(text) : upper;
    }

    public static string ToLower(string text)
    {
        if (!text.Contains('Σ') && !text.Contains('İ'))
        {
            return text.ToLowerInvariant();
        }

        var builder = new StringBuilder(text.Length);
        for (var i = 0; i < text.Length;)
        {
            var width = PyChars.Width(text, i);
            builder.Append(text[i] switch
            {
                'İ' => "i̇",
                'Σ' => IsFinalSigma(text, i) ? "ς" : "σ",
                _ => text.Substring(i, width).ToLowerInvariant(),
            });
            i += width;
        }

        return builder.ToString();
    }

    /// <summary>First character in title case, the rest in lower case.</summary>
    public static string Capitalize(string text)
    {
        if (text.Length == 0)
        {
            return text;
        }

        var width = PyChars.Width(text, 0);
        // The rest is lowered as part of the whole, because a final sigma depends on what stands before it.
        return Title(text[..width]) + ToLower(text)[ToLower(text[..width]).Length..];
    }

    /// <summary><c>str.title</c>: a letter after a letter is lowered, any other is raised.</summary>
    public static string ToTitle(string text)
    {
        var builder = new StringBuilder(text.Length);
        var inWord = false;
        for (var i = 0; i < text.Length;)
        {
            var width = PyChars.Width(text, i);
            var piece = text.Substring(i, width);
            builder.Append(inWord ? (piece == "Σ" ? (IsFinalSigma(text, i) ? "ς" : "σ") : ToLower(piece)) : Title(piece));
            inWord = Rune.TryGetRuneAt(text, i, out var rune) && PyChars.IsCased(rune);
            i += width;
        }

        return builder.ToString();
    }

    /// <summary><c>str.casefold</c>: lower case for comparing, with ß as ss.</summary>
    public static string Fold(string text)
    {
        var builder = new StringBuilder(text.Length);
        foreach (var c in ToLower(text))
        {
            builder.Append(c == 'ς' ? "σ" : c != 'ı' && Upper.TryGetValue(c, out var many) ? ToLower(many) : c.ToString());
        }

        return builder.ToString();
    }

    public static string SwapCase(string text)
    {
        var builder = new StringBuilder(text.Length);
        foreach (var piece in PyChars.Split(text))
        {
            var upper = Rune.TryGetRuneAt(piece, 0, out var rune) && Rune.IsUpper(rune);
            builder.Append(upper ? ToLower(piece) : ToUpper(piece));
        }

        return builder.ToString();
    }

    private static string Expand(string text)
    {
        var builder = new StringBuilder(text.Length);
        for (var i = 0; i < text.Length;)
        {
            var width = PyChars.Width(text, i);
            builder.Append(Upper.TryGetValue(text[i], out var many) ? many : text.Substring(i, width).ToUpperInvariant());
            i += width;
        }

        return builder.ToString();
    }

    private static string Title(string piece) => piece switch
    {
        "ß" => "Ss",
        "ﬀ" => "Ff",
        "ﬁ" => "Fi",
        "ﬂ" => "Fl",
        "ﬃ" => "Ffi",
        "ﬄ" => "Ffl",
        "ﬅ" or "ﬆ" => "St",
        "Ǆ" or "ǅ" or "ǆ" => "ǅ",
        "Ǉ" or "ǈ" or "ǉ" => "ǈ",
        "Ǌ" or "ǋ" or "ǌ" => "ǋ",
        "Ǳ" or "ǲ" or "ǳ" => "ǲ",
        _ => ToUpper(piece),
    };

    private static bool IsFinalSigma(string text, int at)
    {
        return Near(text[..at].EnumerateRunes().Reverse()) && !Near(text[(at + 1)..].EnumerateRunes());

        // Whether the nearest character that isn't ignorable is a letter with case.
        static bool Near(IEnumerable<Rune> runes)
        {
            foreach (var rune in runes.Take(256))
            {
                if (PyChars.IsCased(rune))
                {
                    return true;
                }

                if (!IsIgnorable(rune))
                {
                    return false;
                }
            }

            return false;
        }
    }

    private static bool IsIgnorable(Rune rune) =>
        rune.Value is '\'' or '.' or ':' or '^' or '`' or 0xAD or 0xB7 or 0x2019
        || Rune.GetUnicodeCategory(rune) is System.Globalization.UnicodeCategory.NonSpacingMark
            or System.Globalization.UnicodeCategory.EnclosingMark or System.Globalization.UnicodeCategory.Format
            or System.Globalization.UnicodeCategory.ModifierLetter or System.Globalization.UnicodeCategory.ModifierSymbol;

    private static Dictionary<char, string> Parse(string table)
    {
        var parts = table.Split(' ');
        return Enumerable.Range(0, parts.Length / 2).ToDictionary(i => parts[2 * i][0], i => parts[2 * i + 1]);
    }
}
