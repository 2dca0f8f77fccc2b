using System.Globalization;

namespace Lorikeet.Evaluation;

/// <summary>
/// Share of right answers, where a number is right within a tolerance: |answer - reference| &lt;= tolerance |reference|. "12%" is 0.12.
/// Where one side is no number, or the reference is 0, both must be equal in lower case.
/// </summary>
/// <param name="tolerance">Relative tolerance; 0.05 is ChartQA's.</param>
/// <remarks>Source: relaxed_correctness of Methani et al. 2020 and Masry et al. 2022 (ChartQA), as in pix2struct and lmms-eval; blanks at both ends aside.</remarks>
public sealed class RelaxedAccuracy(double tolerance = 0.05) : MeanMetric
{
    /// <inheritdoc/>
    public override string Name => "relaxed_accuracy";

    /// <inheritdoc/>
    public override string Description =>
        string.Create(CultureInfo.InvariantCulture, $"ChartQA's relaxed accuracy: numbers within {100 * tolerance:0.###} % of the reference, other texts equal in lower case");

    /// <inheritdoc/>
    protected override double Score(string answer, string reference)
    {
        if (NumberOf(answer) is { } given && NumberOf(reference) is { } right && right != 0)
        {
            return Math.Abs(given - right) / Math.Abs(right) <= tolerance ? 1 : 0;
        }

        return string.Equals(answer.Trim().ToLowerInvariant(), reference.Trim().ToLowerInvariant(), StringComparison.Ordinal) ? 1 : 0;
    }

    private static double? NumberOf(string text)
    {
        text = text.Trim();
        bool isPercent = text.EndsWith('%');
        const NumberStyles Style = NumberStyles.AllowLeadingSign | NumberStyles.AllowDecimalPoint | NumberStyles.AllowExponent | NumberStyles.AllowLeadingWhite | NumberStyles.AllowTrailingWhite;
        return double.TryParse(text.AsSpan().TrimEnd('%'), Style, CultureInfo.InvariantCulture, out double value) && double.IsFinite(value)
            ? isPercent ? value / 100 : value
            : null;
    }
}
