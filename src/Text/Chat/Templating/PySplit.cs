namespace Lorikeet.Text.Chat.Templating;

/// <summary><c>str.split</c>, <c>rsplit</c> and <c>splitlines</c>.</summary>
internal static class PySplit
{
    /// <summary>Splits on runs of white space; none at the ends. A negative limit means no limit.</summary>
    public static IReadOnlyList<object?> OnSpaces(string text, long limit, bool fromRight)
    {
        var parts = new List<object?>();
        if (fromRight)
        {
            var end = text.Length;
            while (true)
            {
                end = SkipLeft(text, end, space: true);
                if (end == 0)
                {
                    break;
                }

                var start = limit >= 0 && parts.Count >= limit ? 0 : SkipLeft(text, end, space: false);
                parts.Add(text[start..end]);
                end = start;
            }

            parts.Reverse();
            return parts;
        }

        for (var at = SkipRight(text, 0, space: true); at < text.Length;)
        {
            if (limit >= 0 && parts.Count >= limit)
            {
                parts.Add(text[at..]);
                break;
            }

            var end = SkipRight(text, at, space: false);
            parts.Add(text[at..end]);
            at = SkipRight(text, end, space: true);
        }

        return parts;
    }

    public static IReadOnlyList<object?> On(string text, string separator, long limit, bool fromRight)
    {
        if (separator.Length == 0)
        {
            throw Fail.Value("empty separator");
        }

        var parts = new List<object?>();
        if (fromRight)
        {
            var end = text.Length;
            while (limit < 0 || parts.Count < limit)
            {
                var at = end == 0 ? -1 : text.LastIndexOf(separator, end - 1, StringComparison.Ordinal);
                if (at < 0)
                {
                    break;
                }

                parts.Add(text[(at + separator.Length)..end]);
                end = at;
            }

            parts.Add(text[..end]);
            parts.Reverse();
            return parts;
        }

        var start = 0;
        while (limit < 0 || parts.Count < limit)
        {
            var at = text.IndexOf(separator, start, StringComparison.Ordinal);
            if (at < 0)
            {
                break;
            }

            parts.Add(text[start..at]);
            start = at + separator.Length;
        }

        parts.Add(text[start..]);
        return parts;
    }

    public static IReadOnlyList<object?> Lines(string text, bool keepEnds)
    {
        var lines = new List<object?>();
        var start = 0;
        for (var i = 0; i < text.Length; i++)
        {
            if (text[i] is not ('\n' or '\r' or '\v' or '\f' or >= '\x1c' and <= '\x1e' or '\x85' or '\u2028' or '\u2029'))
            {
                continue;
            }

            var end = text[i] == '\r' && i + 1 < text.Length && text[i + 1] == '\n' ? i + 2 : i + 1;
            lines.Add(text[start..(keepEnds ? end : i)]);
            start = end;
            i = end - 1;
        }

        if (start < text.Length)
        {
            lines.Add(text[start..]);
        }

        return lines;
    }

    private static int SkipRight(string text, int at, bool space)
    {
        while (at < text.Length && PyChars.IsSpace(text[at]) == space)
        {
            at++;
        }

        return at;
    }

    private static int SkipLeft(string text, int end, bool space)
    {
        while (end > 0 && PyChars.IsSpace(text[end - 1]) == space)
        {
            end--;
        }

        return end;
    }
}
