namespace Lorikeet.Text.Tokenizers;

/// <summary>
/// Reads the regular expressions of tokenizer.json: Oniguruma's syntax without captures, back-references,
/// conditionals and recursion, which no tokenizer uses; those are refused by name.
/// Source: Oniguruma's documentation of regular expressions (doc/RE), "Oniguruma" syntax.
/// </summary>
internal sealed class PatternParser
{
    private const int MaxLength = 20_000;
    private const int MaxDepth = 100;
    private const int MaxRepeat = 1000;

    private readonly PatternCursor _text;
    private readonly PatternClassParser _classes;
    private int _depth;
    private bool _dotAll;
    private bool _extended;

    private PatternParser(string pattern)
    {
        _text = new PatternCursor(pattern);
        _classes = new PatternClassParser(_text);
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
        return parser._text.More ? throw parser._text.Error("unmatched ')'") : node;
    }

    private PatternNode Alternation()
    {
        if (++_depth > MaxDepth)
        {
            throw _text.Error($"groups nested deeper than {MaxDepth}");
        }

        bool ignoreCase = _text.IgnoreCase;
        bool dotAll = _dotAll;
        bool extended = _extended;
        List<PatternNode> choices = [Sequence()];
        while (_text.More && _text.Current == '|')
        {
            _text.At++;
            choices.Add(Sequence());
        }

        (_text.IgnoreCase, _dotAll, _extended) = (ignoreCase, dotAll, extended);
        _depth--;
        return choices.Count == 1 ? choices[0] : new PatternNode.Alternation(choices);
    }

    private PatternNode Sequence()
    {
        List<PatternNode> parts = [];
        while (_text.More && _text.Current is not ('|' or ')'))
        {
            if (_extended && (CodePoint.IsWhiteSpace(_text.Current) || _text.Current == '#'))
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
        if (_text.Current != '#')
        {
            _text.At++;
            return;
        }

        while (_text.More && _text.Current != '\n')
        {
            _text.At++;
        }
    }

    private PatternNode Quantified(PatternNode atom)
    {
        while (_text.More)
        {
            bool interval = false;
            (int Min, int Max) range;
            if (_text.Current == '{')
            {
                if (!TryInterval(out range))
                {
                    break;
                }

                interval = true;
            }
            else if (_text.Current is '?' or '*' or '+')
            {
                range = _text.Current == '?' ? (0, 1) : _text.Current == '*' ? (0, -1) : (1, -1);
                _text.At++;
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
        if (_text.More && _text.Current == '?' && !(interval && range.Min == range.Max))
        {
            _text.At++;
            return RepeatKind.Lazy;
        }

        if (_text.More && _text.Current == '+' && !interval)
        {
            _text.At++;
            return RepeatKind.Possessive;
        }

        return RepeatKind.Greedy;
    }

    private bool TryInterval(out (int Min, int Max) range)
    {
        int start = _text.At++;
        int min = Number();
        int max = min;
        range = default;
        if (_text.Peek(0) == ',')
        {
            _text.At++;
            max = Number();
        }

        if (_text.Peek(0) != '}' || (min < 0 && max < 0))
        {
            _text.At = start;
            return false;
        }

        _text.At++;
        min = Math.Max(min, 0);
        if (min > MaxRepeat || max > MaxRepeat || (max >= 0 && max < min))
        {
            throw _text.Error($"repetition {{{min},{max}}} out of range (at most {MaxRepeat}, lower bound first)");
        }

        range = (min, max);
        return true;
    }

    // Digits from here on, or -1 for none.
    private int Number()
    {
        int value = -1;
        while (_text.Peek(0) is >= '0' and <= '9' && value < 1_000_000)
        {
            value = Math.Max(value, 0) * 10 + _text.Take() - '0';
        }

        return value;
    }

    private PatternNode? Atom()
    {
        int c = _text.Take();
        switch (c)
        {
            case '(':
                return Group();
            case '[':
                return new PatternNode.Set(new CodePointSet(_classes.Class()));
            case '.':
                return new PatternNode.Set(new CodePointSet(_dotAll ? _ => true : x => x != '\n'));
            case '^':
                return new PatternNode.Anchor(AnchorKind.LineStart);
            case '$':
                return new PatternNode.Anchor(AnchorKind.LineEnd);
            case '\\':
                return Escape();
            case '?' or '*' or '+':
                throw _text.Error("nothing to repeat");
            default:
                return Literal(c);
        }
    }

    private PatternNode.Set Literal(int c)
    {
        Func<int, bool> rule = x => x == c;
        return new PatternNode.Set(new CodePointSet(_text.IgnoreCase ? CaseFolding.Ignore(rule) : rule));
    }

    private PatternNode Escape()
    {
        if (!_text.More)
        {
            throw _text.Error("the pattern ends with a backslash");
        }

        AnchorKind? anchor = _text.Current switch
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
            _text.At++;
            return new PatternNode.Anchor(anchor.Value);
        }

        if (_text.Current == 'R')
        {
            _text.At++;
            PatternNode newline = new PatternNode.Sequence([new PatternNode.Set(CodePointSet.Of('\r')), new PatternNode.Set(CodePointSet.Of('\n'))]);
            PatternNode one = new PatternNode.Set(new CodePointSet(c => c is (>= 10 and <= 13) or 0x85 or 0x2028 or 0x2029));
            return new PatternNode.Atomic(new PatternNode.Alternation([newline, one]));
        }

        if (_text.Current is 'N' or 'O')
        {
            bool any = _text.Take() == 'O';
            return new PatternNode.Set(new CodePointSet(c => any || c != '\n'));
        }

        Func<int, bool>? shorthand = _text.Shorthand(CodePoint.IsOnigurumaWord);
        return shorthand is not null ? new PatternNode.Set(new CodePointSet(shorthand)) : Literal(_text.EscapedChar());
    }

    // After the '('. Null for a group that only sets options for what follows.
    private PatternNode? Group()
    {
        if (!_text.More || _text.Current != '?')
        {
            return Close(Alternation());
        }

        _text.At++;
        string rest = _text.Text(_text.At, 3);
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
            _text.At += length;
            return wrap(Close(Alternation()));
        }

        return rest is ['#', ..] ? Comment() : Options();
    }

    private int NameLength(int prefix)
    {
        int close = _text.Find('>', 0);
        return close > _text.At + prefix ? close - _text.At + 1 : throw _text.Error("group name expected");
    }

    private PatternNode? Comment()
    {
        while (_text.More && _text.Current != ')')
        {
            _text.At++;
        }

        _text.Expect(')');
        return null;
    }

    // (?imx-imx) or (?imx-imx:...)
    private PatternNode? Options()
    {
        (bool ignoreCase, bool dotAll, bool extended) = (_text.IgnoreCase, _dotAll, _extended);
        bool on = true;
        for (; _text.More && _text.Current is not (')' or ':'); _text.At++)
        {
            switch (_text.Current)
            {
                case '-': on = false; break;
                case 'i': _text.IgnoreCase = on; break;
                case 'm': _dotAll = on; break;
                case 'x': _extended = on; break;
                default: throw _text.Error($"(?{(char)_text.Current} is not supported");
            }
        }

        if (_text.More && _text.Current == ')')
        {
            // The options hold to the end of the enclosing group, alternatives included.
            _text.At++;
            PatternNode rest = AlternationInside();
            return rest;
        }

        _text.Expect(':');
        PatternNode body = Close(Alternation());
        (_text.IgnoreCase, _dotAll, _extended) = (ignoreCase, dotAll, extended);
        return body;
    }

    private PatternNode AlternationInside()
    {
        List<PatternNode> choices = [Sequence()];
        while (_text.More && _text.Current == '|')
        {
            _text.At++;
            choices.Add(Sequence());
        }

        return choices.Count == 1 ? choices[0] : new PatternNode.Alternation(choices);
    }

    private PatternNode Close(PatternNode body)
    {
        _text.Expect(')');
        return body;
    }
}
