using System.Globalization;

namespace Lorikeet.Text.Tokenizers;

/// <summary>A place in a pattern's text, and the escapes, which mean nearly the same inside and outside of classes.</summary>
internal sealed class PatternCursor(string pattern)
{
    private readonly int[] _text = CodePoint.FromString(pattern);

    /// <summary>Index of the next character.</summary>
    public int At { get; set; }

    /// <summary>Set by (?i).</summary>
    public bool IgnoreCase { get; set; }

    public bool More => At < _text.Length;

    public int Current => _text[At];

    /// <summary>The character so far ahead, or -1.</summary>
    public int Peek(int ahead) => At + ahead < _text.Length ? _text[At + ahead] : -1;

    public int Take() => _text[At++];

    /// <summary>Where a character stands, searched from so far ahead; -1 if nowhere.</summary>
    public int Find(char c, int ahead) => At + ahead < _text.Length ? Array.IndexOf(_text, c, At + ahead) : -1;

    /// <summary>Up to so many characters from an index on.</summary>
    public string Text(int start, int length) => CodePoint.ToString(_text.AsSpan(start, Math.Min(length, _text.Length - start)));

    public FormatException Error(string what) => new($"{what} at character {At} of the pattern '{pattern}'");

    public void Expect(char c)
    {
        if (!More || Current != c)
        {
            throw Error($"'{c}' expected");
        }

        At++;
    }

    /// <summary>\d \w \s \h and \p{..}, with their negations; null if the escape is a character.</summary>
    /// <param name="word">The rule of \w: outside of classes Oniguruma also counts Latin-1 numbers as word characters.</param>
    public Func<int, bool>? Shorthand(Func<int, bool> word)
    {
        Func<int, bool>? rule = Current switch
        {
            'd' or 'D' => CodePointSet.Property("nd"),
            'w' or 'W' => word,
            's' or 'S' => CodePoint.IsWhiteSpace,
            'h' or 'H' => CodePointSet.IsHexDigit,
            'p' or 'P' => Property(),
            _ => null,
        };
        if (rule is null)
        {
            return null;
        }

        if (Current is 'D' or 'W' or 'S' or 'H')
        {
            rule = CodePointSet.Not(rule);
        }

        At++;
        return rule;
    }

    // At the p of \p{Name}; leaves the position on the closing brace.
    private Func<int, bool> Property()
    {
        bool negative = Current == 'P';
        int open = At + 1;
        int close = Peek(1) == '{' ? Find('}', 1) : -1;
        if (close < 0)
        {
            throw Error("\\p needs a name in braces");
        }

        string name = Text(open + 1, close - open - 1);
        if (name.StartsWith('^'))
        {
            negative = !negative;
            name = name[1..];
        }

        Func<int, bool> rule = CodePointSet.Property(name)
            ?? throw Error($"\\p{{{name}}} is not supported (general categories, POSIX names and the commonest scripts are)");
        At = close;
        return negative ? CodePointSet.Not(rule) : rule;
    }

    /// <summary>The character that the escape behind a backslash stands for.</summary>
    public int EscapedChar()
    {
        int c = Take();
        switch (c)
        {
            case 't': return '\t';
            case 'n': return '\n';
            case 'r': return '\r';
            case 'f': return '\f';
            case 'v': return '\v';
            case 'a': return '\a';
            case 'e': return 0x1B;
            case '0': return Digits(8, 2, 0);
            case 'u': return Digits(16, 4, 4);
            case 'x' when More && Current == '{': return Braced();
            case 'x': return Digits(16, 2, 0);
        }

        bool named = c is (>= '1' and <= '9') or (>= 'a' and <= 'z') or (>= 'A' and <= 'Z');
        return named ? throw Error($"\\{(char)c} is not supported") : c;
    }

    private int Braced()
    {
        int close = Find('}', 0);
        string digits = close < 0 ? "" : Text(At + 1, close - At - 1);
        if (!int.TryParse(digits, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out int value) || value is < 0 or > CodePoint.Max)
        {
            throw Error("\\x{..} needs a code point in hexadecimal");
        }

        At = close + 1;
        return value;
    }

    private int Digits(int radix, int most, int least)
    {
        int value = 0;
        int count = 0;
        while (More && count < most && Current < 0x80 && char.IsAsciiHexDigit((char)Current) && HexValue(Current) < radix)
        {
            value = value * radix + HexValue(Take());
            count++;
        }

        return count >= least ? value : throw Error($"{least} hexadecimal digits expected");
    }

    private static int HexValue(int c) => c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10;
}
