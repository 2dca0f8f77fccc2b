using System.Globalization;
using System.Text;

namespace Lorikeet.Evaluation;

/// <summary>
/// Share of answers that equal a reference once both are normalised: lower case, ASCII punctuation removed, the words a, an and the
/// removed, blanks collapsed.
/// </summary>
/// <remarks>Source: the normalisation of the SQuAD evaluation script; the name is that of HELM and lighteval.</remarks>
public sealed class QuasiExactMatch : MeanMetric
{
    /// <inheritdoc/>
    public override string Name => "quasi_exact_match";

    /// <inheritdoc/>
    public override string Description => "exact match after SQuAD's normalisation: lower case, no punctuation, no articles, single blanks";

    /// <summary>The normalised text.</summary>
    public static string Normalise(string text)
    {
        var kept = new StringBuilder(text.Length);
        foreach (char c in text.ToLowerInvariant())
        {
            if (!(char.IsAscii(c) && (char.IsPunctuation(c) || char.IsSymbol(c))))
            {
                kept.Append(c);
            }
        }

        return string.Join(' ', Words.Split(kept.ToString()).Where(word => word is not ("a" or "an" or "the")));
    }

    /// <inheritdoc/>
    protected override double Score(string answer, string reference) =>
        string.Equals(Normalise(answer), Normalise(reference), StringComparison.Ordinal) ? 1 : 0;
}

/// <summary>Words between blanks.</summary>
internal static class Words
{
    /// <summary>The words; none of them is empty. Blanks are those of Unicode.</summary>
    public static string[] Split(string text) => text.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries);

    /// <summary>Lower case, and single blanks between words.</summary>
    public static string Collapse(string text) => string.Join(' ', Split(text.ToLower(CultureInfo.InvariantCulture)));
}
