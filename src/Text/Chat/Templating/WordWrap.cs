namespace Lorikeet.Text.Chat.Templating;

/// <summary>The <c>wordwrap</c> filter: Python's textwrap per line, with white space and hyphens as places to break.</summary>
internal static class WordWrap
{
    public static string Apply(string text, Bound options, Budget budget)
    {
        var width = options.Integer(0, 79);
        var (breakLong, breakHyphens) = (options.Flag(1, true), options.Flag(3, true));
        var separator = options.Get(2) is null ? "\n" : options.Text(2);
        if (width <= 0)
        {
            throw Fail.Value($"invalid width {width} (must be > 0)");
        }

        var lines = PySplit.Lines(text, keepEnds: false).Cast<string>()
            .Select(line => string.Join(separator, Wrap(Chunks(line, breakHyphens), width, breakLong, breakHyphens)));
        var result = string.Join(separator, lines);
        budget.Text(result.Length);
        return result;
    }

    private static List<string> Wrap(LinkedList<string> chunks, long width, bool breakLong, bool breakHyphens)
    {
        var lines = new List<string>();
        while (chunks.Count > 0)
        {
            var line = new List<string>();
            var length = 0L;
            if (lines.Count > 0 && IsBlank(chunks.First!.Value))
            {
                chunks.RemoveFirst();
            }

            while (chunks.First is { } chunk && length + PyChars.Length(chunk.Value) <= width)
            {
                length += PyChars.Length(chunk.Value);
                line.Add(chunk.Value);
                chunks.RemoveFirst();
            }

            if (chunks.First is { } big && PyChars.Length(big.Value) > width)
            {
                TakePart(big, width - length, breakLong, breakHyphens, line);
            }

            if (line.Count > 0 && IsBlank(line[^1]))
            {
                line.RemoveAt(line.Count - 1);
            }

            if (line.Count > 0)
            {
                lines.Add(string.Concat(line));
            }
        }

        return lines;
    }

    /// <summary>Puts as much of a chunk that is longer than a line into the line as may be.</summary>
    private static void TakePart(LinkedListNode<string> big, long room, bool breakLong, bool breakHyphens, List<string> line)
    {
        var text = big.Value;
        if (!breakLong)
        {
            if (line.Count == 0)
            {
                line.Add(text);
                big.List!.Remove(big);
            }

            return;
        }

        var end = PyChars.Offset(text, (int)Math.Max(1, room));
        if (breakHyphens && PyChars.Length(text) > room)
        {
            var hyphen = end > 0 ? text.LastIndexOf('-', end - 1) : -1;
            end = hyphen > 0 && text[..hyphen].Any(c => c != '-') ? hyphen + 1 : end;
        }

        line.Add(text[..end]);
        big.Value = text[end..];
        if (big.Value.Length == 0)
        {
            big.List!.Remove(big);
        }
    }

    private static bool IsBlank(string chunk) => chunk.All(PyChars.IsSpace);

    /// <summary>Words and the white space between them; a hyphen between letters ends a chunk.</summary>
    private static LinkedList<string> Chunks(string line, bool breakHyphens)
    {
        var chunks = new LinkedList<string>();
        var start = 0;
        for (var i = 1; i <= line.Length; i++)
        {
            var atEdge = i == line.Length || IsSplitSpace(line[i]) != IsSplitSpace(line[i - 1]);
            var afterHyphen = breakHyphens && !atEdge && line[i - 1] == '-' && char.IsLetter(line[i])
                && i >= 3 && IsWord(line[i - 2]) && (char.IsLetter(line[i - 2]) || char.IsLetter(line[i - 3])) && i - 2 > start - 1;
            if (atEdge || afterHyphen)
            {
                chunks.AddLast(line[start..i]);
                start = i;
            }
        }

        return chunks;
    }

    private static bool IsWord(char c) => char.IsLetterOrDigit(c) || c == '_';

    private static bool IsSplitSpace(char c) => c is ' ' or '\t' or '\n' or '\v' or '\f' or '\r';
}
