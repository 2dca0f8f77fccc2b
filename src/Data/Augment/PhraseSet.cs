namespace Lorikeet.Data.Augment;

/// <summary>
/// Words and phrases, found in texts as a whole and whatever their case. Scripts that put no spaces between words (Chinese, Japanese,
/// Thai and their neighbours) are matched character by character. Of several phrases at one place the longest counts.
/// </summary>
/// <typeparam name="T">What a phrase stands for.</typeparam>
internal sealed class PhraseSet<T>
    where T : class
{
    private readonly Node _root = new();

    /// <summary>Number of phrases.</summary>
    public int Count { get; private set; }

    /// <summary>The value of a phrase, made by <paramref name="create"/> if it is new.</summary>
    public T GetOrAdd(string phrase, Func<T> create)
    {
        Node node = _root;
        foreach (TextUnit unit in TextUnit.Split(phrase.Trim()))
        {
            node = node.Next.TryGetValue(unit.Key, out Node? next) ? next : node.Next[unit.Key] = new Node();
        }

        if (node.Value is null)
        {
            node.Value = create();
            Count++;
        }

        return node.Value;
    }

    /// <summary>The phrases of a text from the left, none overlapping another.</summary>
    public List<PhraseMatch<T>> Find(string text)
    {
        var found = new List<PhraseMatch<T>>();
        if (Count == 0)
        {
            return found;
        }

        List<TextUnit> units = TextUnit.Split(text);
        for (int i = 0; i < units.Count; i++)
        {
            (int length, T? value) = Longest(units, i);
            if (value is not null)
            {
                found.Add(new PhraseMatch<T>(units[i].Start, units[i + length - 1].End, value));
                i += length - 1;
            }
        }

        return found;
    }

    private (int Length, T? Value) Longest(List<TextUnit> units, int start)
    {
        (int Length, T? Value) best = (0, null);
        Node? node = _root;
        for (int i = start; i < units.Count && node.Next.TryGetValue(units[i].Key, out node); i++)
        {
            best = node.Value is null ? best : (i - start + 1, node.Value);
        }

        return best;
    }

    private sealed class Node
    {
        public Dictionary<string, Node> Next { get; } = new(StringComparer.Ordinal);

        public T? Value { get; set; }
    }
}

/// <summary>A phrase found in a text.</summary>
/// <param name="Start">First character.</param>
/// <param name="End">Behind the last character.</param>
/// <param name="Value">What the phrase stands for.</param>
internal sealed record PhraseMatch<T>(int Start, int End, T Value);
