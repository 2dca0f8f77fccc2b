namespace Lorikeet.Text.Tokenizers;

/// <summary>Finds the leftmost and there the longest of a set of texts.</summary>
internal sealed class TokenTrie
{
    private readonly Dictionary<long, int> _edges = [];
    private readonly List<int> _ids = [-1];
    private readonly bool[] _asciiStart = new bool[128];
    private readonly HashSet<int> _otherStart = [];

    public bool IsEmpty => _ids.Count == 1;

    /// <summary>Adds a text; of equal ones the first counts.</summary>
    public void Add(string text, int id)
    {
        int node = 0;
        foreach (int c in CodePoint.FromString(text))
        {
            if (node == 0)
            {
                MarkStart(c);
            }

            if (!_edges.TryGetValue(Edge(node, c), out int next))
            {
                next = _ids.Count;
                _ids.Add(-1);
                _edges.Add(Edge(node, c), next);
            }

            node = next;
        }

        if (node != 0 && _ids[node] < 0)
        {
            _ids[node] = id;
        }
    }

    public bool FindNext(ReadOnlySpan<int> text, int from, out int start, out int end, out int id)
    {
        for (start = from; start < text.Length; start++)
        {
            int c = text[start];
            if (c < 128 ? _asciiStart[c] : _otherStart.Contains(c))
            {
                Longest(text, start, out end, out id);
                if (id >= 0)
                {
                    return true;
                }
            }
        }

        end = start;
        id = -1;
        return false;
    }

    private static long Edge(int node, int c) => ((long)node << 21) | (uint)c;

    private void MarkStart(int c)
    {
        if (c < 128)
        {
            _asciiStart[c] = true;
        }
        else
        {
            _otherStart.Add(c);
        }
    }

    private void Longest(ReadOnlySpan<int> text, int start, out int end, out int id)
    {
        id = -1;
        end = start;
        int node = 0;
        for (int i = start; i < text.Length && _edges.TryGetValue(Edge(node, text[i]), out node); i++)
        {
            if (_ids[node] >= 0)
            {
                id = _ids[node];
                end = i + 1;
            }
        }
    }
}
