namespace Lorikeet.Data.Augment;

/// <summary>Parts of a text that no change of words may touch: special tokens, and anything that looks like one (<c>&lt;...&gt;</c> without a space).</summary>
/// <param name="tokens">The tokenizer's special tokens.</param>
internal sealed class ProtectedText(IEnumerable<string> tokens)
{
    private const int LongestTag = 64;

    private readonly Dictionary<char, string[]> _tokens = tokens.Where(t => t.Trim().Length > 0).Distinct(StringComparer.Ordinal)
        .GroupBy(t => t[0]).ToDictionary(g => g.Key, g => g.OrderByDescending(t => t.Length).ToArray());

    /// <summary>The protected parts, from the left.</summary>
    public List<(int Start, int End)> Spans(string text)
    {
        var spans = new List<(int Start, int End)>();
        int at = 0;
        while (at < text.Length)
        {
            int length = Math.Max(TokenAt(text, at), TagAt(text, at));
            if (length > 0)
            {
                spans.Add((at, at + length));
            }

            at += Math.Max(length, 1);
        }

        return spans;
    }

    private int TokenAt(string text, int at) =>
        _tokens.TryGetValue(text[at], out string[]? candidates)
        && candidates.FirstOrDefault(t => text.AsSpan(at).StartsWith(t, StringComparison.Ordinal)) is { } token ? token.Length : 0;

    private static int TagAt(string text, int at)
    {
        if (text[at] != '<')
        {
            return 0;
        }

        for (int i = at + 1; i < text.Length && i - at < LongestTag; i++)
        {
            if (text[i] == '>')
            {
                return i > at + 1 ? i + 1 - at : 0;
            }

            if (text[i] == '<' || char.IsWhiteSpace(text[i]))
            {
                return 0;
            }
        }

        return 0;
    }
}
