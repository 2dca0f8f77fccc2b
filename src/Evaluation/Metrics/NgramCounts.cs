namespace Lorikeet.Evaluation;

/// <summary>How often the runs of 1 to n words occur in a text.</summary>
internal sealed class NgramCounts
{
    private readonly Dictionary<string, int>[] _counts;

    /// <summary>Counts.</summary>
    /// <param name="words">The text's words; none of them has a blank.</param>
    /// <param name="order">Longest run.</param>
    public NgramCounts(IReadOnlyList<string> words, int order)
    {
        Length = words.Count;
        _counts = new Dictionary<string, int>[order];
        for (int n = 1; n <= order; n++)
        {
            var counts = new Dictionary<string, int>(StringComparer.Ordinal);
            for (int i = 0; i + n <= words.Count; i++)
            {
                string run = string.Join(' ', words.Skip(i).Take(n));
                counts[run] = counts.GetValueOrDefault(run) + 1;
            }

            _counts[n - 1] = counts;
        }
    }

    /// <summary>Words of the text.</summary>
    public int Length { get; }

    /// <summary>Longest run.</summary>
    public int Order => _counts.Length;

    /// <summary>The runs of n words with their counts.</summary>
    public IReadOnlyDictionary<string, int> Of(int n) => _counts[n - 1];
}
