using System.Text;

namespace Lorikeet.Evaluation;

/// <summary>
/// ROUGE-L: F-measure of the longest common subsequence of words. Words are runs of the letters a to z and digits, in lower case, without
/// stemming. The best reference counts.
/// </summary>
/// <remarks>
/// Source: Lin 2004, as Google's rouge_score computes <c>rougeL</c> with its default tokenizer; other scripts have no words there, so
/// their score is 0.
/// </remarks>
public sealed class RougeL : MeanMetric
{
    /// <inheritdoc/>
    public override string Name => "rouge_l";

    /// <inheritdoc/>
    public override string Description => "ROUGE-L F-measure as rouge_score's rougeL: words of a-z and 0-9, no stemming";

    /// <summary>The words of a text.</summary>
    public static IReadOnlyList<string> Tokenize(string text)
    {
        var words = new List<string>();
        var word = new StringBuilder();
        foreach (char c in text.ToLowerInvariant())
        {
            if (char.IsAsciiLetterLower(c) || char.IsAsciiDigit(c))
            {
                word.Append(c);
            }
            else if (word.Length > 0)
            {
                words.Add(word.ToString());
                word.Clear();
            }
        }

        if (word.Length > 0)
        {
            words.Add(word.ToString());
        }

        return words;
    }

    /// <inheritdoc/>
    protected override double Score(string answer, string reference)
    {
        IReadOnlyList<string> given = Tokenize(answer), right = Tokenize(reference);
        int common = LongestCommon(given, right);
        if (common == 0)
        {
            return 0;
        }

        double precision = (double)common / given.Count, recall = (double)common / right.Count;
        return 2 * precision * recall / (precision + recall);
    }

    private static int LongestCommon(IReadOnlyList<string> a, IReadOnlyList<string> b)
    {
        int[] row = new int[b.Count + 1];
        foreach (string word in a)
        {
            int diagonal = 0;
            for (int j = 1; j <= b.Count; j++)
            {
                int above = row[j];
                row[j] = word == b[j - 1] ? diagonal + 1 : Math.Max(above, row[j - 1]);
                diagonal = above;
            }
        }

        return row[^1];
    }
}
