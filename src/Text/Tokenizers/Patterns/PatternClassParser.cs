namespace Lorikeet.Text.Tokenizers;

/// <summary>Reads the bracketed classes of a pattern: ranges, negation, nesting, intersection, POSIX names.</summary>
internal sealed class PatternClassParser(PatternCursor text)
{
    private const int MaxDepth = 100;

    private int _depth;

    /// <summary>The rule of a class; the cursor is behind its opening bracket.</summary>
    public Func<int, bool> Class()
    {
        if (++_depth > MaxDepth)
        {
            throw text.Error($"classes nested deeper than {MaxDepth}");
        }

        bool negative = text.More && text.Current == '^';
        text.At += negative ? 1 : 0;
        Func<int, bool>? left = null;
        Func<int, bool>? items = null;
        for (bool first = true; ; first = false)
        {
            if (!text.More)
            {
                throw text.Error("unclosed '['");
            }

            if (text.Current == ']' && !(first && text.Find(']', 1) > 0))
            {
                text.At++;
                break;
            }

            if (text.Current == '&' && text.Peek(1) == '&')
            {
                text.At += 2;
                left = Intersect(left, items);
                items = null;
                continue;
            }

            Func<int, bool> item = ClassItem();
            items = items is null ? item : CodePointSet.Or(items, item);
        }

        _depth--;
        Func<int, bool> rule = Intersect(left, items) ?? throw text.Error("empty class");
        rule = text.IgnoreCase ? CaseFolding.Ignore(rule) : rule;
        return negative ? CodePointSet.Not(rule) : rule;
    }

    private static Func<int, bool>? Intersect(Func<int, bool>? left, Func<int, bool>? items) =>
        left is null ? items : items is null ? _ => false : CodePointSet.And(left, items);

    private Func<int, bool> ClassItem()
    {
        if (text.Current == '[')
        {
            text.At++;
            return text.More && text.Current == ':' && PosixClass() is { } posix ? posix : Class();
        }

        if (text.Current == '\\' && text.Peek(1) >= 0)
        {
            text.At++;
            if (text.Shorthand(CodePointSet.IsWord) is { } shorthand)
            {
                return shorthand;
            }

            text.At--;
        }

        int from = ClassChar();
        bool range = text.Peek(1) >= 0 && text.Current == '-' && text.Peek(1) != ']';
        if (!range)
        {
            return c => c == from;
        }

        int mark = text.At++;
        if (text.Current == '[' || (text.Current == '\\' && text.Peek(1) is 'd' or 'w' or 's' or 'h' or 'p' or 'D' or 'W' or 'S' or 'H' or 'P'))
        {
            text.At = mark;
            return c => c == from;
        }

        int to = ClassChar();
        return to >= from ? CodePointSet.Range(from, to) : throw text.Error("range out of order");
    }

    private int ClassChar()
    {
        int c = text.Take();
        if (c != '\\')
        {
            return c;
        }

        if (!text.More)
        {
            throw text.Error("the pattern ends with a backslash");
        }

        if (text.Current == 'b')
        {
            text.At++;
            return '\b';
        }

        return text.EscapedChar();
    }

    // At the ':' of [:name:] or [:^name:]; null if it is none.
    private Func<int, bool>? PosixClass()
    {
        int length = 0;
        while (text.Peek(1 + length) is '^' or (>= 'a' and <= 'z'))
        {
            length++;
        }

        if (text.Peek(1 + length) != ':' || text.Peek(2 + length) != ']')
        {
            return null;
        }

        string name = text.Text(text.At + 1, length);
        bool negative = name.StartsWith('^');
        string key = negative ? name[1..] : name;

        // As a class, punctuation includes the symbols.
        Func<int, bool> rule = key == "punct" ? CodePointSet.Or(CodePointSet.Property("p")!, CodePointSet.Property("s")!)
            : CodePointSet.Property(key) ?? throw text.Error($"[:{name}:] is not supported");
        text.At += length + 3;
        return negative ? CodePointSet.Not(rule) : rule;
    }
}
