namespace Lorikeet.Training.Config.Binding;

/// <summary>Finds the name that the user probably meant.</summary>
public static class Nearest
{
    // Longer words are not typing slips of a key, and the work grows with the square of the length.
    private const int MaxLength = 64;

    /// <summary>The closest candidate within a third of the word's length (at least two slips), or null.</summary>
    public static string? Find(string word, IEnumerable<string> candidates)
    {
        if (word.Length > MaxLength)
        {
            return null;
        }

        var (best, distance) = candidates
            .Select(candidate => (candidate, Distance(word.ToLowerInvariant(), candidate)))
            .OrderBy(pair => pair.Item2).ThenBy(pair => pair.candidate, StringComparer.Ordinal)
            .FirstOrDefault(("", int.MaxValue));
        return distance <= Math.Max(2, word.Length / 3) && distance < Math.Max(word.Length, 2) ? best : null;
    }

    /// <summary>Number of insertions, deletions, replacements and swaps of neighbours between two words.</summary>
    internal static int Distance(string a, string b)
    {
        int[,] cost = new int[a.Length + 1, b.Length + 1];
        for (int i = 0; i <= a.Length; i++)
        {
            cost[i, 0] = i;
        }

        for (int j = 0; j <= b.Length; j++)
        {
            cost[0, j] = j;
        }

        for (int i = 1; i <= a.Length; i++)
        {
            for (int j = 1; j <= b.Length; j++)
            {
                int replace = cost[i - 1, j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
                cost[i, j] = Math.Min(Math.Min(cost[i - 1, j], cost[i, j - 1]) + 1, replace);
                if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                {
                    cost[i, j] = Math.Min(cost[i, j], cost[i - 2, j - 2] + 1);
                }
            }
        }

        return cost[a.Length, b.Length];
    }
}
