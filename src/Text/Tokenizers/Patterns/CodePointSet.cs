using System.Globalization;

namespace Lorikeet.Text.Tokenizers;

/// <summary>A set of code points given by a rule; answers are kept in bitmaps of 256 code points, filled when first asked.</summary>
internal sealed class CodePointSet(Func<int, bool> rule)
{
    private readonly ulong[]?[] _pages = new ulong[]?[(CodePoint.Max >> 8) + 1];

    public bool Contains(int c)
    {
        ulong[] page = _pages[c >> 8] ?? Fill(c >> 8);
        return (page[(c >> 6) & 3] >> (c & 63) & 1) != 0;
    }

    /// <summary>Membership of U+0000..U+003F (0) or U+0040..U+007F (1) as bits.</summary>
    public ulong Ascii(int half) => (_pages[0] ?? Fill(0))[half];

    public static CodePointSet Of(int c) => new(x => x == c);

    public static Func<int, bool> Range(int from, int to) => c => c >= from && c <= to;

    public static Func<int, bool> Not(Func<int, bool> rule) => c => !rule(c);

    public static Func<int, bool> Or(Func<int, bool> a, Func<int, bool> b) => c => a(c) || b(c);

    public static Func<int, bool> And(Func<int, bool> a, Func<int, bool> b) => c => a(c) && b(c);

    /// <summary>The rule for a general category or its group ("L", "Lu", "Letter", ...), an alias or POSIX class; null if unknown.</summary>
    public static Func<int, bool>? Property(string name)
    {
        string key = name.Replace("_", "", StringComparison.Ordinal).Replace(" ", "", StringComparison.Ordinal)
            .Replace("-", "", StringComparison.Ordinal).ToLowerInvariant();
        return Category(key) ?? Posix(key) ?? UnicodeRanges.Find(key);
    }

    private static Func<int, bool>? Posix(string key) => key switch
    {
        "any" => _ => true,
        "ascii" => c => c < 0x80,
        "punct" => In(18, 24),
        "space" or "whitespace" => CodePoint.IsWhiteSpace,
        "blank" => c => c == '\t' || In(11, 11)(c),
        "word" => IsWord,
        "alpha" or "alphabetic" => Alphabetic,
        "alnum" => Or(Alphabetic, In(8, 8)),
        "upper" or "uppercase" => Or(In(0, 0), UnicodeRanges.Find("otheruppercase")!),
        "lower" or "lowercase" => Or(In(1, 1), UnicodeRanges.Find("otherlowercase")!),
        "graph" => c => !CodePoint.IsWhiteSpace(c) && !Or(In(14, 14), Or(In(16, 16), In(29, 29)))(c),
        "print" => Or(Property("graph")!, In(11, 11)),
        "xdigit" => IsHexDigit,
        _ => null,
    };

    private static Func<int, bool>? Category(string key) => key switch
    {
        "l" or "letter" => In(0, 4),
        "lc" or "casedletter" => In(0, 2),
        "lu" or "uppercaseletter" => In(0, 0),
        "ll" or "lowercaseletter" => In(1, 1),
        "lt" or "titlecaseletter" => In(2, 2),
        "lm" or "modifierletter" => In(3, 3),
        "lo" or "otherletter" => In(4, 4),
        "m" or "mark" or "combiningmark" => In(5, 7),
        "mn" or "nonspacingmark" => In(5, 5),
        "mc" or "spacingmark" => In(6, 6),
        "me" or "enclosingmark" => In(7, 7),
        "n" or "number" => In(8, 10),
        "nd" or "decimalnumber" or "digit" => In(8, 8),
        "nl" or "letternumber" => In(9, 9),
        "no" or "othernumber" => In(10, 10),
        "z" or "separator" => In(11, 13),
        "zs" or "spaceseparator" => In(11, 11),
        "zl" or "lineseparator" => In(12, 12),
        "zp" or "paragraphseparator" => In(13, 13),
        "cc" or "control" or "cntrl" => In(14, 14),
        "cf" or "format" => In(15, 15),
        "cs" or "surrogate" => In(16, 16),
        "co" or "privateuse" => In(17, 17),
        "cn" or "unassigned" => In(29, 29),
        "c" or "other" => Or(In(14, 17), In(29, 29)),
        "p" or "punctuation" => In(18, 24),
        "pc" or "connectorpunctuation" => In(18, 18),
        "pd" or "dashpunctuation" => In(19, 19),
        "ps" or "openpunctuation" => In(20, 20),
        "pe" or "closepunctuation" => In(21, 21),
        "pi" or "initialpunctuation" => In(22, 22),
        "pf" or "finalpunctuation" => In(23, 23),
        "po" or "otherpunctuation" => In(24, 24),
        "s" or "symbol" => In(25, 28),
        "sm" or "mathsymbol" => In(25, 25),
        "sc" or "currencysymbol" => In(26, 26),
        "sk" or "modifiersymbol" => In(27, 27),
        "so" or "othersymbol" => In(28, 28),
        _ => null,
    };

    /// <summary>Word characters within a class: Alphabetic, marks, decimal digits, connectors.</summary>
    public static bool IsWord(int c) => CodePoint.IsWord(c) && c is not (0x200C or 0x200D);

    public static bool IsHexDigit(int c) => c is (>= '0' and <= '9') or (>= 'a' and <= 'f') or (>= 'A' and <= 'F');

    // Letters, letter numbers, circled and squared letters and most marks.
    private static readonly Func<int, bool> NoLetterMark = UnicodeRanges.Find("nonalphabeticmark")!;

    private static bool Alphabetic(int c) => IsWord(c) && !In(8, 8)(c) && !In(18, 18)(c) && !NoLetterMark(c);

    private static Func<int, bool> In(int first, int last) =>
        c => CodePoint.Category(c) is var category && category >= (UnicodeCategory)first && category <= (UnicodeCategory)last;

    private ulong[] Fill(int index)
    {
        ulong[] page = new ulong[4];
        for (int i = 0; i < 256; i++)
        {
            if (rule((index << 8) + i))
            {
                page[i >> 6] |= 1UL << (i & 63);
            }
        }

        _pages[index] = page;
        return page;
    }
}
