namespace Lorikeet.Text.Tokenizers;

/// <summary>Character classes: what stands between brackets.</summary>
internal sealed partial class PatternParser
{
    // After the '['.
    private Func<int, bool> Class()
    {
        if (++_depth > MaxDepth)
        {
            throw Error($"classes nested deeper than {MaxDepth}");
        }

        bool negative = More && Current == '^';
        _at += negative ? 1 : 0;
        Func<int, bool>? left = null;
        Func<int, bool>? items = null;
        for (bool first = true; ; first = false)
        {
            if (!More)
            {
                throw Error("unclosed '['");
            }

            if (Current == ']' && !(first && Array.IndexOf(_text, ']', _at + 1) > 0))
            {
                _at++;
                break;
            }

            if (Current == '&' && _at + 1 < _text.Length && _text[_at + 1] == '&')
            {
                _at += 2;
                left = Intersect(left, items);
                items = null;
                continue;
            }

            Func<int, bool> item = ClassItem();
            items = items is null ? item : CodePointSet.Or(items, item);
        }

        _depth--;
        Func<int, bool> rule = Intersect(left, items) ?? throw Error("empty class");
        rule = _ignoreCase ? CaseFolding.Ignore(rule) : rule;
        return negative ? CodePointSet.Not(rule) : rule;
    }

    private static Func<int, bool>? Intersect(Func<int, bool>? left, Func<int, bool>? items) =>
        left is null ? items : items is null ? _ => false : CodePointSet.And(left, items);

    private Func<int, bool> ClassItem()
    {
        if (Current == '[')
        {
            _at++;
            return More && Current == ':' && PosixClass() is { } posix ? posix : Class();
        }

        if (Current == '\\' && _at + 1 < _text.Length)
        {
            _at++;
            if (Shorthand(CodePointSet.IsWord) is { } shorthand)
            {
                return shorthand;
            }

            _at--;
        }

        int from = ClassChar();
        bool range = _at + 1 < _text.Length && Current == '-' && _text[_at + 1] != ']';
        if (!range)
        {
            return c => c == from;
        }

        int mark = _at++;
        if (Current == '[' || (Current == '\\' && _at + 1 < _text.Length && _text[_at + 1] is 'd' or 'w' or 's' or 'h' or 'p' or 'D' or 'W' or 'S' or 'H' or 'P'))
        {
            _at = mark;
            return c => c == from;
        }

        int to = ClassChar();
        return to >= from ? CodePointSet.Range(from, to) : throw Error("range out of order");
    }

    private int ClassChar()
    {
        int c = _text[_at++];
        if (c != '\\')
        {
            return c;
        }

        if (!More)
        {
            throw Error("the pattern ends with a backslash");
        }

        if (Current == 'b')
        {
            _at++;
            return '\b';
        }

        return EscapedChar();
    }

    // At the ':' of [:name:] or [:^name:]; null if it is none.
    private Func<int, bool>? PosixClass()
    {
        int end = _at + 1;
        while (end < _text.Length && _text[end] is '^' or (>= 'a' and <= 'z'))
        {
            end++;
        }

        if (end + 1 >= _text.Length || _text[end] != ':' || _text[end + 1] != ']')
        {
            return null;
        }

        string name = CodePoint.ToString(_text.AsSpan(_at + 1, end - _at - 1));
        bool negative = name.StartsWith('^');
        string key = negative ? name[1..] : name;

        // As a class, punctuation includes the symbols.
        Func<int, bool> rule = key == "punct" ? CodePointSet.Or(CodePointSet.Property("p")!, CodePointSet.Property("s")!)
            : CodePointSet.Property(key) ?? throw Error($"[:{name}:] is not supported");
        _at = end + 2;
        return negative ? CodePointSet.Not(rule) : rule;
    }
}
