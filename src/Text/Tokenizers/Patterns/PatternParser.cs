using System.Globalization;

namespace Lorikeet.Text.Tokenizers;

/// <summary>
/// Reads the regular expressions of tokenizer.json: Oniguruma's syntax without captures, back-references,
/// conditionals and recursion, which no tokenizer uses; those are refused by name.
/// Source: Oniguruma's documentation of regular expressions (doc/RE), "Oniguruma" syntax.
/// </summary>
internal sealed partial class PatternParser
{
    private const int MaxLength = 20_000;
    private const int MaxDepth = 100;
    private const int MaxRepeat = 1000;

    private readonly string _pattern;
    private readonly int[] _text;
    private int _at;
    private int _depth;
    private bool _ignoreCase;
    private bool _dotAll;
    private bool _extended;

    private PatternParser(string pattern)
    {
        _pattern = pattern;
        _text = CodePoint.FromString(pattern);
    }

    /// <summary>The tree of a pattern; FormatException says what is wrong and where.</summary>
    public static PatternNode Parse(string pattern)
    {
        if (pattern.Length > MaxLength)
        {
            throw new FormatException($"the pattern has {pattern.Length} characters; at most {MaxLength} are read");
        }

        PatternParser parser = new(pattern);
        PatternNode node = parser.Alternation();
        return parser._at == parser._text.Length ? node : throw parser.Error("unmatched ')'");
    }

    private bool More => _at < _text.Length;

    private int Current => _text[_at];

    internal FormatException Error(string what) => new($"{what} at character {_at} of the pattern '{_pattern}'");

    private PatternNode Alternation()
    {
        if (++_depth > MaxDepth)
        {
            throw Error($"groups nested deeper than {MaxDepth}");
        }

        bool ignoreCase = _ignoreCase;
        bool dotAll = _dotAll;
        bool extended = _extended;
        List<PatternNode> choices = [Sequence()];
        while (More && Current == '|')
        {
            _at++;
            choices.Add(Sequence());
        }

        (_ignoreCase, _dotAll, _extended) = (ignoreCase, dotAll, extended);
        _depth--;
        return choices.Count == 1 ? choices[0] : new PatternNode.Alternation(choices);
    }

    private PatternNode Sequence()
    {
        List<PatternNode> parts = [];
        while (More && Current is not ('|' or ')'))
        {
            if (_extended && (CodePoint.IsWhiteSpace(Current) || Current == '#'))
            {
                SkipComment();
                continue;
            }

            PatternNode? atom = Atom();
            if (atom is not null)
            {
                parts.Add(Quantified(atom));
            }
        }

        return parts.Count == 1 ? parts[0] : new PatternNode.Sequence(parts);
    }

    private void SkipComment()
    {
        if (Current != '#')
        {
            _at++;
            return;
        }

        while (More && Current != '\n')
        {
            _at++;
        }
    }

    private PatternNode Quantified(PatternNode atom)
    {
        while (More)
        {
            bool interval = false;
            (int Min, int Max) range;
            if (Current == '{')
            {
                if (!TryInterval(out range))
                {
                    break;
                }

                interval = true;
            }
            else if (Current is '?' or '*' or '+')
            {
                range = Current == '?' ? (0, 1) : Current == '*' ? (0, -1) : (1, -1);
                _at++;
            }
            else
            {
                break;
            }

            atom = new PatternNode.Repeat(atom, range.Min, range.Max, RepeatSuffix(interval, range));
        }

        return atom;
    }

    private RepeatKind RepeatSuffix(bool interval, (int Min, int Max) range)
    {
        // Oniguruma: x{n}? is an optional x{n} and x{n,m}+ repeats x{n,m}; both are read as further quantifiers.
        if (More && Current == '?' && !(interval && range.Min == range.Max))
        {
            _at++;
            return RepeatKind.Lazy;
        }

        if (More && Current == '+' && !interval)
        {
            _at++;
            return RepeatKind.Possessive;
        }

        return RepeatKind.Greedy;
    }

    private bool TryInterval(out (int Min, int Max) range)
    {
        int at = _at + 1;
        int min = Number(ref at);
        int max = min;
        range = default;
        if (at < _text.Length && _text[at] == ',')
        {
            at++;
            max = Number(ref at);
            if (min < 0 && max < 0)
            {
                return false;
            }
        }

        if (at >= _text.Length || _text[at] != '}' || (min < 0 && max < 0))
        {
            return false;
        }

        min = Math.Max(min, 0);
        if (min > MaxRepeat || max > MaxRepeat || (max >= 0 && max < min))
        {
            throw Error($"repetition {{{min},{max}}} out of range (at most {MaxRepeat}, lower bound first)");
        }

        _at = at + 1;
        range = (min, max);
        return true;
    }

    private int Number(ref int at)
    {
        int value = -1;
        while (at < _text.Length && _text[at] is >= '0' and <= '9' && value < 1_000_000)
        {
            value = Math.Max(value, 0) * 10 + _text[at++] - '0';
        }

        return value;
    }

    private PatternNode? Atom()
    {
        int c = _text[_at++];
        switch (c)
        {
            case '(':
                return Group();
            case '[':
                return new PatternNode.Set(new CodePointSet(Class()));
            case '.':
                return new PatternNode.Set(new CodePointSet(_dotAll ? _ => true : x => x != '\n'));
            case '^':
                return new PatternNode.Anchor(AnchorKind.LineStart);
            case '$':
                return new PatternNode.Anchor(AnchorKind.LineEnd);
            case '\\':
                return Escape();
            case '?' or '*' or '+':
                throw Error("nothing to repeat");
            default:
                return Literal(c);
        }
    }

    private PatternNode.Set Literal(int c)
    {
        Func<int, bool> rule = x => x == c;
        return new PatternNode.Set(new CodePointSet(_ignoreCase ? CaseFolding.Ignore(rule) : rule));
    }

    private PatternNode Escape()
    {
        if (!More)
        {
            throw Error("the pattern ends with a backslash");
        }

        AnchorKind? anchor = Current switch
        {
            'A' => AnchorKind.TextStart,
            'z' => AnchorKind.TextEnd,
            'Z' => AnchorKind.TextEndOrFinalNewline,
            'b' => AnchorKind.WordBoundary,
            'B' => AnchorKind.NotWordBoundary,
            'G' => AnchorKind.SearchStart,
            _ => null,
        };
        if (anchor is not null)
        {
            _at++;
            return new PatternNode.Anchor(anchor.Value);
        }

        if (Current == 'R')
        {
            _at++;
            PatternNode newline = new PatternNode.Sequence([new PatternNode.Set(CodePointSet.Of('\r')), new PatternNode.Set(CodePointSet.Of('\n'))]);
            PatternNode one = new PatternNode.Set(new CodePointSet(c => c is (>= 10 and <= 13) or 0x85 or 0x2028 or 0x2029));
            return new PatternNode.Atomic(new PatternNode.Alternation([newline, one]));
        }

        if (Current is 'N' or 'O')
        {
            bool any = _text[_at++] == 'O';
            return new PatternNode.Set(new CodePointSet(c => any || c != '\n'));
        }

        Func<int, bool>? shorthand = Shorthand(CodePoint.IsOnigurumaWord);
        return shorthand is not null ? new PatternNode.Set(new CodePointSet(shorthand)) : Literal(EscapedChar());
    }

    // \d \w \s \h and \p{..}, with their negations; null if the escape is a character.
    // word: outside of classes Oniguruma also counts Latin-1 numbers as word characters.
    private Func<int, bool>? Shorthand(Func<int, bool> word)
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

        _at++;
        return rule;
    }

    // At the p of \p{Name}; leaves the position on the closing brace.
    private Func<int, bool> Property()
    {
        bool negative = Current == 'P';
        int open = _at + 1;
        int close = open < _text.Length && _text[open] == '{' ? Array.IndexOf(_text, '}', open) : -1;
        if (close < 0)
        {
            throw Error("\\p needs a name in braces");
        }

        string name = CodePoint.ToString(_text.AsSpan(open + 1, close - open - 1));
        if (name.StartsWith('^'))
        {
            negative = !negative;
            name = name[1..];
        }

        Func<int, bool> rule = CodePointSet.Property(name)
            ?? throw Error($"\\p{{{name}}} is not supported (general categories, POSIX names and the commonest scripts are)");
        _at = close;
        return negative ? CodePointSet.Not(rule) : rule;
    }

    private int EscapedChar()
    {
        int c = _text[_at++];
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
        int close = Array.IndexOf(_text, '}', _at);
        string digits = close < 0 ? "" : CodePoint.ToString(_text.AsSpan(_at + 1, close - _at - 1));
        if (!int.TryParse(digits, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out int value) || value is < 0 or > CodePoint.Max)
        {
            throw Error("\\x{..} needs a code point in hexadecimal");
        }

        _at = close + 1;
        return value;
    }

    private int Digits(int radix, int most, int least)
    {
        int value = 0;
        int count = 0;
        while (More && count < most && Current < 0x80 && char.IsAsciiHexDigit((char)Current) && HexValue(Current) < radix)
        {
            value = value * radix + HexValue(_text[_at++]);
            count++;
        }

        return count >= least ? value : throw Error($"{least} hexadecimal digits expected");
    }

    private static int HexValue(int c) => c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10;

    // After the '('. Null for a group that only sets options for what follows.
    private PatternNode? Group()
    {
        if (!More || Current != '?')
        {
            return Close(Alternation());
        }

        _at++;
        string rest = CodePoint.ToString(_text.AsSpan(_at, Math.Min(3, _text.Length - _at)));
        (int length, Func<PatternNode, PatternNode>? wrap) = rest switch
        {
            ['=', ..] => (1, body => new PatternNode.Look(body, Ahead: true, Negative: false)),
            ['!', ..] => (1, body => new PatternNode.Look(body, Ahead: true, Negative: true)),
            ['<', '=', ..] => (2, body => new PatternNode.Look(body, Ahead: false, Negative: false)),
            ['<', '!', ..] => (2, body => new PatternNode.Look(body, Ahead: false, Negative: true)),
            ['>', ..] => (1, body => new PatternNode.Atomic(body)),
            [':', ..] => (1, body => body),
            ['P', '<', ..] => (NameLength(2), body => body),
            ['<', ..] => (NameLength(1), body => body),
            _ => (0, (Func<PatternNode, PatternNode>?)null),
        };
        if (wrap is not null)
        {
            _at += length;
            return wrap(Close(Alternation()));
        }

        return rest is ['#', ..] ? Comment() : Options();
    }

    private int NameLength(int prefix)
    {
        int close = Array.IndexOf(_text, '>', _at);
        return close > _at + prefix ? close - _at + 1 : throw Error("group name expected");
    }

    private PatternNode? Comment()
    {
        while (More && Current != ')')
        {
            _at++;
        }

        Expect(')');
        return null;
    }

    // (?imx-imx) or (?imx-imx:...)
    private PatternNode? Options()
    {
        (bool ignoreCase, bool dotAll, bool extended) = (_ignoreCase, _dotAll, _extended);
        bool on = true;
        for (; More && Current is not (')' or ':'); _at++)
        {
            switch (Current)
            {
                case '-': on = false; break;
                case 'i': _ignoreCase = on; break;
                case 'm': _dotAll = on; break;
                case 'x': _extended = on; break;
                default: throw Error($"(?{(char)Current} is not supported");
            }
        }

        if (More && Current == ')')
        {
            // The options hold to the end of the enclosing group, alternatives included.
            _at++;
            PatternNode rest = AlternationInside();
            return rest;
        }

        Expect(':');
        PatternNode body = Close(Alternation());
        (_ignoreCase, _dotAll, _extended) = (ignoreCase, dotAll, extended);
        return body;
    }

    private PatternNode AlternationInside()
    {
        List<PatternNode> choices = [Sequence()];
        while (More && Current == '|')
        {
            _at++;
            choices.Add(Sequence());
        }

        return choices.Count == 1 ? choices[0] : new PatternNode.Alternation(choices);
    }

    private PatternNode Close(PatternNode body)
    {
        Expect(')');
        return body;
    }

    private void Expect(char c)
    {
        if (!More || Current != c)
        {
            throw Error($"'{c}' expected");
        }

        _at++;
    }
}
