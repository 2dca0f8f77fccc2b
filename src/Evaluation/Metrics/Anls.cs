using System.Text;

namespace Lorikeet.Evaluation;

/// <summary>
/// Average normalised Levenshtein similarity: 1 - edits / length of the longer text, in lower case with single blanks; a similarity below
/// one half counts 0. The best reference counts.
/// </summary>
/// <remarks>Source: Biten et al. 2019 (ST-VQA, DocVQA), with the border of the DocVQA evaluation script: a similarity of exactly 0.5 counts.</remarks>
public sealed class Anls : MeanMetric
{
    private const double Threshold = 0.5;

    /// <inheritdoc/>
    public override string Name => "anls";

    /// <inheritdoc/>
    public override string Description => "average normalised Levenshtein similarity, below 0.5 counts 0 (DocVQA); case aside, single blanks";

    /// <summary>Insertions, deletions and substitutions of characters (code points) between two texts.</summary>
    public static int Distance(string a, string b)
    {
        Rune[] from = [.. a.EnumerateRunes()], to = [.. b.EnumerateRunes()];
        int[] row = [.. Enumerable.Range(0, to.Length + 1)];
        for (int i = 1; i <= from.Length; i++)
        {
            int diagonal = row[0];
            row[0] = i;
            for (int j = 1; j <= to.Length; j++)
            {
                int substitute = diagonal + (from[i - 1] == to[j - 1] ? 0 : 1);
                diagonal = row[j];
                row[j] = Math.Min(substitute, Math.Min(row[j], row[j - 1]) + 1);
            }
        }

        return row[^1];
    }

    /// <inheritdoc/>
    protected override double Score(string answer, string reference)
    {
        (answer, reference) = (Words.Collapse(answer), Words.Collapse(reference));
        int length = Math.Max(answer.EnumerateRunes().Count(), reference.EnumerateRunes().Count());
        double similarity = length == 0 ? 1 : 1 - ((double)Distance(answer, reference) / length);
        return similarity < Threshold ? 0 : similarity;
    }
}
