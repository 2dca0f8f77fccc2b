using System.Text;

namespace Lorikeet.Text.Chat.Templating;

/// <summary>
/// Splits a template into tokens with Jinja's white space rules as transformers sets them: trim_blocks (the newline after a
/// block tag is dropped), lstrip_blocks (blanks before a block tag on its line are dropped), the last newline is dropped.
/// </summary>
internal sealed class Lexer
{
    // Longest first, so that the first match is the right one.
    private static readonly string[] Operators =
        ["//", "**", "==", "!=", ">=", "<=", "+", "-", "/", "*", "%", "~", "[", "]", "(", ")", "{", "}", ">", "<", "=", ".", ":", "|", ",", ";"];

    private readonly string _source;
    private readonly List<Token> _tokens = [];
    private int _at;
    private int _line = 1;
    private bool _lineStarting = true;

    private Lexer(string source) => _source = source;

    public static IReadOnlyList<Token> Run(string source)
    {
        source = source.Replace("\r\n", "\n", StringComparison.Ordinal).Replace('\r', '\n');
        var lexer = new Lexer(source.EndsWith('\n') ? source[..^1] : source);
        lexer.Root();
        lexer._tokens.Add(new Token(TokenKind.End, "", lexer._line));
        return lexer._tokens;
    }

    private void Root()
    {
        while (_at < _source.Length)
        {
            var tag = NextTag();
            if (tag < 0)
            {
                Data(_source[_at..]);
                _at = _source.Length;
                return;
            }

            var kind = _source[tag + 1];
            var sign = tag + 2 < _source.Length && _source[tag + 2] is '-' or '+' ? _source[tag + 2] : '\0';
            var rawLength = kind == '%' ? RawTagLength(tag, "raw") : 0;
            Data(BeforeTag(_source[_at..tag], sign, isVariable: kind == '{'));
            Advance(tag + (sign == '\0' ? 2 : 3) - _at);
            if (rawLength > 0)
            {
                Raw(tag + rawLength);
            }
            else if (kind == '#')
            {
                Comment();
            }
            else
            {
                Inside(kind == '{');
            }
        }
    }

    private int NextTag()
    {
        for (var i = _source.IndexOf('{', _at); i >= 0 && i + 1 < _source.Length; i = _source.IndexOf('{', i + 1))
        {
            if (_source[i + 1] is '{' or '%' or '#')
            {
                return i;
            }
        }

        return -1;
    }

    /// <summary>The text before a tag after the tag's sign and lstrip_blocks did their work.</summary>
    private string BeforeTag(string text, char sign, bool isVariable)
    {
        if (sign == '-')
        {
            // The line count must see what is cut off.
            var kept = text.TrimEnd(PyNumber.Spaces);
            _line += text.AsSpan(kept.Length).Count('\n');
            _at += text.Length - kept.Length;
            return kept;
        }

        var lineStart = text.LastIndexOf('\n') + 1;
        if (sign == '+' || isVariable || (lineStart == 0 && !_lineStarting) || text.AsSpan(lineStart).ContainsAnyExcept(PyNumber.Spaces))
        {
            return text;
        }

        _at += text.Length - lineStart;
        return text[..lineStart];
    }

    private void Data(string text)
    {
        if (text.Length > 0)
        {
            _tokens.Add(new Token(TokenKind.Data, text, _line));
        }

        _line += text.AsSpan().Count('\n');
        _at += text.Length;
    }

    private void Advance(int count)
    {
        var passed = _source.AsSpan(_at, count);
        _line += passed.Count('\n');
        _at += count;
        _lineStarting = _at > 0 && _source[_at - 1] == '\n';
    }

    /// <summary>Length of <c>{% raw %}</c> or <c>{% endraw %}</c> at <paramref name="tag"/> with its trimming; 0 if it is none.</summary>
    private int RawTagLength(int tag, string word)
    {
        var i = tag + 2;
        i += i < _source.Length && _source[i] is '-' or '+' ? 1 : 0;
        i = SkipSpaces(i);
        if (string.CompareOrdinal(_source, i, word, 0, word.Length) != 0)
        {
            return 0;
        }

        var end = TagEnd(SkipSpaces(i + word.Length), "%}", allowPlus: word == "endraw", trimNewline: word == "endraw");
        return end < 0 ? 0 : end - tag;
    }

    private int SkipSpaces(int i)
    {
        while (i < _source.Length && PyChars.IsSpace(_source[i]))
        {
            i++;
        }

        return i;
    }

    /// <summary>The position after a tag's end, its sign and what it trims, if the end stands at <paramref name="i"/>; else -1.</summary>
    private int TagEnd(int i, string end, bool allowPlus, bool trimNewline)
    {
        if (i >= _source.Length)
        {
            return -1;
        }

        var sign = _source[i] == '-' || (allowPlus && _source[i] == '+') ? _source[i] : '\0';
        var from = sign == '\0' ? i : i + 1;
        if (string.CompareOrdinal(_source, from, end, 0, end.Length) != 0)
        {
            return -1;
        }

        from += end.Length;
        return sign == '-' ? SkipSpaces(from)
            : sign == '\0' && trimNewline && from < _source.Length && _source[from] == '\n' ? from + 1
            : from;
    }

    private void Comment()
    {
        for (var i = _at; i < _source.Length; i++)
        {
            if (TagEnd(i, "#}", allowPlus: true, trimNewline: true) is var end and > 0)
            {
                Advance(end - _at);
                return;
            }
        }

        throw Fail.Syntax("Missing end of comment tag", _line);
    }

    private void Raw(int bodyStart)
    {
        Advance(bodyStart - _at);
        for (var i = _source.IndexOf("{%", _at, StringComparison.Ordinal); i >= 0; i = _source.IndexOf("{%", i + 1, StringComparison.Ordinal))
        {
            var length = RawTagLength(i, "endraw");
            if (length > 0)
            {
                var sign = _source[i + 2] is '-' or '+' ? _source[i + 2] : '\0';
                Data(BeforeTag(_source[_at..i], sign, isVariable: false));
                Advance(i + length - _at);
                return;
            }
        }

        throw Fail.Syntax("Missing end of raw directive", _line);
    }

    /// <summary>The tokens of a print statement or a block tag.</summary>
    private void Inside(bool isVariable)
    {
        _tokens.Add(new Token(isVariable ? TokenKind.VariableBegin : TokenKind.BlockBegin, isVariable ? "{{" : "{%", _line));
        var open = new Stack<char>();
        while (_at < _source.Length)
        {
            var end = open.Count > 0 ? -1 : TagEnd(_at, isVariable ? "}}" : "%}", allowPlus: !isVariable, trimNewline: !isVariable);
            if (end >= 0)
            {
                _tokens.Add(new Token(isVariable ? TokenKind.VariableEnd : TokenKind.BlockEnd, isVariable ? "}}" : "%}", _line));
                Advance(end - _at);
                return;
            }

            var c = _source[_at];
            if (PyChars.IsSpace(c))
            {
                Advance(1);
            }
            else if (char.IsAsciiDigit(c))
            {
                Number();
            }
            else if (c is '\'' or '"')
            {
                StringLiteral(c);
            }
            else if (!Name())
            {
                Operator(open);
            }
        }
    }

    private bool Name()
    {
        var i = _at;
        while (i < _source.Length && Rune.TryGetRuneAt(_source, i, out var rune) && PyStringTests.IsIdentifierPart(rune, first: i == _at))
        {
            i += rune.Utf16SequenceLength;
        }

        if (i == _at)
        {
            return false;
        }

        _tokens.Add(new Token(TokenKind.Name, _source[_at..i], _line));
        Advance(i - _at);
        return true;
    }

    private void Operator(Stack<char> open)
    {
        var op = Operators.FirstOrDefault(o => string.CompareOrdinal(_source, _at, o, 0, o.Length) == 0)
            ?? throw Fail.Syntax($"unexpected char '{_source.Substring(_at, PyChars.Width(_source, _at))}' at {_at}", _line);
        if (op is "(" or "[" or "{")
        {
            open.Push(op[0] switch { '(' => ')', '[' => ']', _ => '}' });
        }
        else if (op is ")" or "]" or "}")
        {
            if (!open.TryPop(out var expected))
            {
                throw Fail.Syntax($"unexpected '{op}'", _line);
            }

            if (expected != op[0])
            {
                throw Fail.Syntax($"unexpected '{op}', expected '{expected}'", _line);
            }
        }

        _tokens.Add(new Token(TokenKind.Operator, op, _line));
        Advance(op.Length);
    }

    private void Number()
    {
        var i = Digits(_at);
        var isFloat = false;
        var afterDot = _at > 0 && _source[_at - 1] == '.';
        if (!afterDot && i + 1 < _source.Length && _source[i] == '.' && char.IsAsciiDigit(_source[i + 1]))
        {
            i = Digits(i + 1);
            isFloat = true;
        }

        if (!afterDot && i < _source.Length && _source[i] is 'e' or 'E')
        {
            var digits = i + 1 < _source.Length && _source[i + 1] is '+' or '-' ? i + 2 : i + 1;
            if (digits < _source.Length && char.IsAsciiDigit(_source[digits]))
            {
                i = Digits(digits);
                isFloat = true;
            }
        }

        if (!isFloat)
        {
            i = IntegerEnd(i);
        }

        _tokens.Add(new Token(isFloat ? TokenKind.Float : TokenKind.Integer, _source[_at..i], _line));
        Advance(i - _at);
    }

    /// <summary>End of an integer: prefixes 0x, 0o, 0b; after a leading zero only zeros.</summary>
    private int IntegerEnd(int decimalEnd)
    {
        if (_source[_at] != '0')
        {
            return decimalEnd;
        }

        var allowed = _at + 1 < _source.Length ? char.ToLowerInvariant(_source[_at + 1]) switch
        {
            'x' => "0123456789abcdefABCDEF",
            'o' => "01234567",
            'b' => "01",
            _ => "",
        } : "";
        var i = Digits(_at + 2, allowed);
        return allowed.Length > 0 && i > _at + 2 ? i : Digits(_at, "0");
    }

    private int Digits(int i, string allowed = "0123456789")
    {
        while (i < _source.Length
            && (allowed.Contains(_source[i]) || (_source[i] == '_' && i + 1 < _source.Length && allowed.Contains(_source[i + 1]))))
        {
            i++;
        }

        return i;
    }

    private void StringLiteral(char quote)
    {
        var i = _at + 1;
        while (i < _source.Length && _source[i] != quote)
        {
            i += _source[i] == '\\' ? 2 : 1;
        }

        if (i >= _source.Length)
        {
            throw Fail.Syntax($"unexpected char {(quote == '"' ? "'\"'" : "\"'\"")} at {_at}", _line);
        }

        _tokens.Add(new Token(TokenKind.String, StringEscapes.Resolve(_source[(_at + 1)..i], _line), _line));
        Advance(i + 1 - _at);
    }
}
