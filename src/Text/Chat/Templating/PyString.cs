using System.Text;

namespace Lorikeet.Text.Chat.Templating;

/// <summary>The methods of Python's <c>str</c>. Offsets and widths count code points.</summary>
internal static class PyString
{
    /// <summary>The method <paramref name="name"/> bound to <paramref name="self"/>; null if <c>str</c> has none of that name.</summary>
    public static Function? Method(string self, string name)
    {
        var body = PyStringTests.Predicate(name) is { } predicate
            ? (args, _) => NoArgs(name, args, predicate(self))
            : Case(self, name) ?? Parts(self, name) ?? Search(self, name) ?? Layout(self, name);
        return body is null ? null : new Function(name, (args, runtime) =>
        {
            runtime.Budget.Text(self.Length);
            var result = body(args, runtime.Budget);
            if (result is string text)
            {
                runtime.Budget.Text(text.Length);
            }

            return result;
        });
    }

    private static object? NoArgs(string name, CallArgs args, object? result)
    {
        args.Bind(name, "");
        return result;
    }

    private static Func<CallArgs, Budget, object?>? Case(string s, string name) => name switch
    {
        "upper" => (args, _) => NoArgs(name, args, PyCase.ToUpper(s)),
        "lower" => (args, _) => NoArgs(name, args, PyCase.ToLower(s)),
        "casefold" => (args, _) => NoArgs(name, args, PyCase.Fold(s)),
        "title" => (args, _) => NoArgs(name, args, PyCase.ToTitle(s)),
        "capitalize" => (args, _) => NoArgs(name, args, PyCase.Capitalize(s)),
        "swapcase" => (args, _) => NoArgs(name, args, PyCase.SwapCase(s)),
        "strip" => (args, budget) => Strip(s, args.Bind(name, "chars?").Get(0), true, true, budget),
        "lstrip" => (args, budget) => Strip(s, args.Bind(name, "chars?").Get(0), true, false, budget),
        "rstrip" => (args, budget) => Strip(s, args.Bind(name, "chars?").Get(0), false, true, budget),
        "removeprefix" => (args, _) => args.Bind(name, "prefix").Text(0) is var p && s.StartsWith(p, StringComparison.Ordinal) ? s[p.Length..] : s,
        "removesuffix" => (args, _) => args.Bind(name, "suffix").Text(0) is var p && p.Length > 0 && s.EndsWith(p, StringComparison.Ordinal) ? s[..^p.Length] : s,
        _ => null,
    };

    private static Func<CallArgs, Budget, object?>? Parts(string s, string name) => name switch
    {
        "split" or "rsplit" => (args, budget) =>
        {
            var bound = args.Bind(name, "sep? maxsplit?");
            var limit = bound.Integer(1, -1);
            var parts = bound.Get(0) is null
                ? PySplit.OnSpaces(s, limit, name == "rsplit")
                : PySplit.On(s, bound.Text(0), limit, name == "rsplit");
            budget.Items(parts.Count);
            return new PyList(parts);
        },
        "splitlines" => (args, budget) =>
        {
            var lines = PySplit.Lines(s, args.Bind(name, "keepends?").Flag(0));
            budget.Items(lines.Count);
            return new PyList(lines);
        },
        "partition" or "rpartition" => (args, _) => Partition(s, args.Bind(name, "sep").Text(0), name == "rpartition"),
        "join" => (args, budget) => Join(s, args.Bind(name, "iterable").Get(0), budget),
        "replace" => (args, budget) =>
        {
            var bound = args.Bind(name, "old new count?");
            return Replace(s, bound.Text(0), bound.Text(1), bound.Integer(2, -1), budget);
        },
        "format" => (args, budget) => StrFormat.Apply(s, args, budget),
        "format_map" => (args, budget) => StrFormat.Apply(s, args.Bind(name, "mapping").Get(0), budget),
        _ => null,
    };

    private static Func<CallArgs, Budget, object?>? Search(string s, string name) => name switch
    {
        "find" => (args, _) => Find(s, args.Bind(name, "sub start? end?"), last: false),
        "rfind" => (args, _) => Find(s, args.Bind(name, "sub start? end?"), last: true),
        "index" => (args, _) => Find(s, args.Bind(name, "sub start? end?"), last: false) is var at and >= 0
            ? at : throw Fail.Value("substring not found"),
        "rindex" => (args, _) => Find(s, args.Bind(name, "sub start? end?"), last: true) is var at and >= 0
            ? at : throw Fail.Value("substring not found"),
        "count" => (args, _) => Count(s, args.Bind(name, "sub start? end?")),
        "startswith" => (args, budget) => Affix(s, args.Bind(name, "prefix start? end?"), budget, (text, part) => text.StartsWith(part, StringComparison.Ordinal)),
        "endswith" => (args, budget) => Affix(s, args.Bind(name, "suffix start? end?"), budget, (text, part) => text.EndsWith(part, StringComparison.Ordinal)),
        _ => null,
    };

    private static Func<CallArgs, Budget, object?>? Layout(string s, string name) => name switch
    {
        "center" or "ljust" or "rjust" => (args, budget) =>
        {
            var bound = args.Bind(name, "width fillchar?");
            var fill = bound.Text(1, " ");
            return PyChars.Length(fill) == 1
                ? Pad(s, bound.Integer(0), fill, name, budget)
                : throw Fail.Type("The fill character must be exactly one character long");
        },
        "zfill" => (args, budget) =>
        {
            var sign = s.StartsWith('+') || s.StartsWith('-') ? s[..1] : "";
            var body = s[sign.Length..];
            return sign + Pad(body, args.Bind(name, "width").Integer(0) - sign.Length, "0", "rjust", budget);
        },
        "expandtabs" => (args, budget) => ExpandTabs(s, args.Bind(name, "tabsize?").Integer(0, 8), budget),
        _ => null,
    };

    public static string Strip(string text, object? chars, bool left, bool right, Budget budget)
    {
        var (start, end) = (0, text.Length);
        if (chars is null)
        {
            while (left && start < end && PyChars.IsSpace(text[start]))
            {
                start++;
            }

            while (right && end > start && PyChars.IsSpace(text[end - 1]))
            {
                end--;
            }

            return text[start..end];
        }

        if (chars is not (string or Markup))
        {
            throw chars is Undefined u ? u.Error() : Fail.Type($"strip arg must be None or str, not {PyText.TypeName(chars)}");
        }

        var set = PyChars.Split(PyText.Str(chars, budget)).ToHashSet(StringComparer.Ordinal);
        while (left && start < end && set.Contains(text.Substring(start, PyChars.Width(text, start))))
        {
            start += PyChars.Width(text, start);
        }

        while (right && end > start)
        {
            var width = end - start >= 2 && char.IsLowSurrogate(text[end - 1]) && char.IsHighSurrogate(text[end - 2]) ? 2 : 1;
            if (!set.Contains(text.Substring(end - width, width)))
            {
                break;
            }

            end -= width;
        }

        return text[start..end];
    }

    private static PyList Partition(string s, string separator, bool fromRight)
    {
        if (separator.Length == 0)
        {
            throw Fail.Value("empty separator");
        }

        var at = fromRight ? s.LastIndexOf(separator, StringComparison.Ordinal) : s.IndexOf(separator, StringComparison.Ordinal);
        return at >= 0
            ? PyList.Tuple(s[..at], separator, s[(at + separator.Length)..])
            : fromRight ? PyList.Tuple("", "", s) : PyList.Tuple(s, "", "");
    }

    public static string Join(string separator, object? items, Budget budget)
    {
        var builder = new StringBuilder();
        var index = 0;
        foreach (var item in PyIter.Items(items, budget))
        {
            if (item is not (string or Markup))
            {
                throw Fail.Type($"sequence item {index}: expected str instance, {PyText.TypeName(item)} found");
            }

            builder.Append(index++ > 0 ? separator : "").Append(PyText.Str(item, budget));
            budget.Text(builder.Length > budget.MaxLength ? builder.Length : 0);
        }

        return builder.ToString();
    }

    public static string Replace(string text, string old, string replacement, long count, Budget budget)
    {
        if (old.Length == 0)
        {
            return ReplaceBetween(text, replacement, count, budget);
        }

        var builder = new StringBuilder();
        var from = 0;
        for (; count != 0; count--)
        {
            var at = text.IndexOf(old, from, StringComparison.Ordinal);
            if (at < 0)
            {
                break;
            }

            builder.Append(text, from, at - from).Append(replacement);
            from = at + old.Length;
            budget.Text(builder.Length > budget.MaxLength ? builder.Length : 0);
        }

        return builder.Append(text, from, text.Length - from).ToString();
    }

    /// <summary>Replacing the empty string inserts before every character and at the end.</summary>
    private static string ReplaceBetween(string text, string inserted, long count, Budget budget)
    {
        budget.Text(text.Length + (text.Length + 1L) * inserted.Length);
        var builder = new StringBuilder();
        var left = count < 0 ? long.MaxValue : count;
        foreach (var piece in PyChars.Split(text))
        {
            builder.Append(left-- > 0 ? inserted : "").Append(piece);
        }

        return builder.Append(left > 0 ? inserted : "").ToString();
    }

    /// <summary>The part of the text between two optional bounds in code points, and the position of its start.</summary>
    private static (string Part, int Start, bool Valid) Window(string s, Bound bound)
    {
        var length = PyChars.Length(s);
        var start = bound.Get(1) is null ? 0 : bound.Integer(1);
        var end = bound.Get(2) is null ? length : bound.Integer(2);
        var (from, to) = (PyAccess.Clamp(start, length), PyAccess.Clamp(end, length));
        var part = from <= to ? s[PyChars.Offset(s, from)..PyChars.Offset(s, to)] : "";
        return (part, from, start <= length && from <= to);
    }

    private static long Find(string s, Bound bound, bool last)
    {
        var (part, start, valid) = Window(s, bound);
        var sub = bound.Text(0);
        var at = !valid ? -1 : last ? part.LastIndexOf(sub, StringComparison.Ordinal) : part.IndexOf(sub, StringComparison.Ordinal);
        return at < 0 ? -1 : start + PyChars.Position(part, at);
    }

    private static long Count(string s, Bound bound)
    {
        var (part, _, valid) = Window(s, bound);
        var sub = bound.Text(0);
        if (!valid || sub.Length == 0)
        {
            return valid ? PyChars.Length(part) + 1 : 0;
        }

        var count = 0L;
        for (var at = part.IndexOf(sub, StringComparison.Ordinal); at >= 0; at = part.IndexOf(sub, at + sub.Length, StringComparison.Ordinal))
        {
            count++;
        }

        return count;
    }

    private static bool Affix(string s, Bound bound, Budget budget, Func<string, string, bool> test)
    {
        var (part, _, valid) = Window(s, bound);
        return bound.Get(0) is PyList { IsTuple: true } options
            ? options.Any(o => o is string or Markup ? valid && test(part, PyText.Str(o, budget)) : throw Fail.Type("tuple for startswith must only contain str"))
            : bound.Text(0) is var text && valid && test(part, text);
    }

    public static string Pad(string s, long width, string fill, string how, Budget budget)
    {
        var missing = width - PyChars.Length(s);
        if (missing <= 0)
        {
            return s;
        }

        budget.Text(missing * fill.Length + s.Length);
        // Python's centre puts the odd character on the left only if the width is odd.
        var left = how switch { "ljust" => 0, "rjust" => missing, "middle" => missing / 2, _ => missing / 2 + (missing & width & 1) };
        string Fill(long n) => fill.Length == 1 ? new string(fill[0], (int)n) : string.Concat(Enumerable.Repeat(fill, (int)n));
        return Fill(left) + s + Fill(missing - left);
    }

    private static string ExpandTabs(string s, long size, Budget budget)
    {
        var builder = new StringBuilder();
        var column = 0L;
        foreach (var piece in PyChars.Split(s))
        {
            if (piece == "\t")
            {
                var spaces = size > 0 ? size - column % size : 0;
                budget.Text(builder.Length + spaces);
                builder.Append(' ', (int)spaces);
                column += spaces;
            }
            else
            {
                builder.Append(piece);
                column = piece is "\n" or "\r" ? 0 : column + 1;
            }
        }

        return builder.ToString();
    }
}
