using System.Globalization;
using System.Text;

namespace Lorikeet.Evaluation;

/// <summary>
/// Accuracy of visual question answering. With three or more reference answers, a row's score is the mean, over leaving one reference
/// out, of min(1, equal references / 3); with fewer it is 1 where one of them is met.
/// </summary>
/// <remarks>
/// Source: Antol et al. 2015 and the evaluation script of VQA v2. Both sides are normalised as there: lower case, punctuation and
/// articles removed, number words zero to ten as digits. Known deviations: the script restores missing apostrophes from a list
/// (dont, don't), here apostrophes don't count; it leaves texts as they are where all references agree, here they are normalised too.
/// </remarks>
public sealed class VqaAccuracy : MeanMetric
{
    private const string Punctuation = ";/[]\"{}()=+\\_-><@`,?!";
    private const int Enough = 3;

    private static readonly Dictionary<string, string> Numbers = new(StringComparer.Ordinal)
    {
        ["none"] = "0", ["zero"] = "0", ["one"] = "1", ["two"] = "2", ["three"] = "3", ["four"] = "4", ["five"] = "5",
        ["six"] = "6", ["seven"] = "7", ["eight"] = "8", ["nine"] = "9", ["ten"] = "10",
    };

    /// <inheritdoc/>
    public override string Name => "vqa_accuracy";

    /// <inheritdoc/>
    public override string Description => "VQA accuracy: min(1, equal references / 3), leaving one out; VQA v2's normalisation, apostrophes aside";

    /// <summary>The normalised text.</summary>
    public static string Normalise(string text)
    {
        text = text.Replace('\n', ' ').Replace('\t', ' ').Trim();
        bool joinsDigits = HasDigitComma(text);
        var kept = new StringBuilder(text.Length);
        for (int i = 0; i < text.Length; i++)
        {
            char c = text[i];
            if (Punctuation.Contains(c, StringComparison.Ordinal))
            {
                // As the script does: a mark that stands beside a blank anywhere is removed, any other separates.
                bool removed = joinsDigits || text.Contains(c + " ", StringComparison.Ordinal) || text.Contains(" " + c, StringComparison.Ordinal);
                kept.Append(removed ? "" : " ");
            }
            else if (c is not '\'' && !(c == '.' && (i + 1 == text.Length || !char.IsDigit(text[i + 1]))))
            {
                kept.Append(c);
            }
        }

        return string.Join(' ', Words.Split(kept.ToString().ToLower(CultureInfo.InvariantCulture))
            .Select(word => Numbers.GetValueOrDefault(word, word)).Where(word => word is not ("a" or "an" or "the")));
    }

    /// <inheritdoc/>
    protected override double Score(Prediction prediction)
    {
        string answer = Normalise(prediction.Answer);
        bool[] met = [.. prediction.References.Select(reference => Normalise(reference) == answer)];
        int equal = met.Count(m => m);
        return met.Length < Enough ? Math.Min(1, equal) : met.Average(m => Math.Min(1.0, (equal - (m ? 1 : 0)) / 3.0));
    }

    /// <inheritdoc/>
    protected override double Score(string answer, string reference) => throw new NotSupportedException("all references count together");

    private static bool HasDigitComma(string text)
    {
        for (int i = 1; i + 1 < text.Length; i++)
        {
            if (text[i] == ',' && char.IsDigit(text[i - 1]) && char.IsDigit(text[i + 1]))
            {
                return true;
            }
        }

        return false;
    }
}
