using System.Globalization;
using System.Text;

namespace Lorikeet.Text.Chat.Templating;

/// <summary>The <c>str.is...</c> methods.</summary>
internal static class PyStringTests
{
    public static Func<string, object?>? Predicate(string name) => name switch
    {
        "isalpha" => s => All(s, Rune.IsLetter),
        "isalnum" => s => All(s, r => Rune.IsLetter(r) || IsNumeric(r)),
        "isdigit" => s => All(s, IsDigit),
        "isdecimal" => s => All(s, r => Rune.GetUnicodeCategory(r) == UnicodeCategory.DecimalDigitNumber),
        "isnumeric" => s => All(s, IsNumeric),
        "isspace" => s => s.Length > 0 && s.All(PyChars.IsSpace),
        "isascii" => s => s.All(char.IsAscii),
        "isupper" => s => IsUpper(s),
        "islower" => s => IsLower(s),
        "istitle" => s => IsTitle(s),
        "isprintable" => s => !HasLoneSurrogate(s) && s.EnumerateRunes().All(r => r.Value == ' ' || PyChars.IsPrintable(r)),
        "isidentifier" => s => s.Length > 0 && s.EnumerateRunes().Select((r, i) => IsIdentifierPart(r, i == 0)).All(ok => ok),
        _ => null,
    };

    public static bool IsUpper(string s) =>
        s.EnumerateRunes().Any(Rune.IsUpper) && !s.EnumerateRunes().Any(r => Rune.IsLower(r) || PyChars.IsTitle(r));

    public static bool IsLower(string s) =>
        s.EnumerateRunes().Any(Rune.IsLower) && !s.EnumerateRunes().Any(r => Rune.IsUpper(r) || PyChars.IsTitle(r));

    public static bool IsIdentifierPart(Rune rune, bool first) =>
        rune.Value == '_' || Rune.IsLetter(rune) || Rune.GetUnicodeCategory(rune) == UnicodeCategory.LetterNumber
        || (!first && Rune.GetUnicodeCategory(rune) is UnicodeCategory.DecimalDigitNumber or UnicodeCategory.NonSpacingMark
            or UnicodeCategory.SpacingCombiningMark or UnicodeCategory.ConnectorPunctuation);

    private static bool All(string s, Func<Rune, bool> test) => s.Length > 0 && s.EnumerateRunes().All(test);

    private static bool HasLoneSurrogate(string s) =>
        Enumerable.Range(0, s.Length).Any(i => char.IsSurrogate(s[i]) && !Rune.TryGetRuneAt(s, i, out _) && !(i > 0 && Rune.TryGetRuneAt(s, i - 1, out _) && char.IsLowSurrogate(s[i])));

    // Superscripts and circled digits are digits to Python although they aren't decimal.
    private static bool IsDigit(Rune rune) =>
        Rune.GetUnicodeCategory(rune) == UnicodeCategory.DecimalDigitNumber
        || (Rune.GetUnicodeCategory(rune) == UnicodeCategory.OtherNumber
            && rune.Value is 0xB2 or 0xB3 or 0xB9 or >= 0x2070 and <= 0x2089 or >= 0x2460 and <= 0x2468 or >= 0x2474 and <= 0x247C
                or >= 0x2488 and <= 0x2490 or 0x24EA or >= 0x24F5 and <= 0x24FD or 0x24FF or >= 0x2776 and <= 0x277E
                or >= 0x2780 and <= 0x2788 or >= 0x278A and <= 0x2792 or >= 0x1F100 and <= 0x1F10A);

    private static bool IsNumeric(Rune rune) =>
        Rune.IsNumber(rune) || (rune.Value > 0x2E00 && Rune.GetNumericValue(rune) >= 0);

    private static bool IsTitle(string s)
    {
        var (any, inWord) = (false, false);
        foreach (var rune in s.EnumerateRunes())
        {
            var raised = Rune.IsUpper(rune) || PyChars.IsTitle(rune);
            if ((raised && inWord) || (Rune.IsLower(rune) && !inWord))
            {
                return false;
            }

            inWord = PyChars.IsCased(rune);
            any |= inWord;
        }

        return any;
    }
}
