namespace Lorikeet.Evaluation;

/// <summary>Share of answers that equal a reference, blanks at both ends aside; case and punctuation count.</summary>
/// <remarks>Source: the default of Hugging Face evaluate's <c>exact_match</c>, on trimmed texts.</remarks>
public sealed class ExactMatch : MeanMetric
{
    /// <inheritdoc/>
    public override string Name => "exact_match";

    /// <inheritdoc/>
    public override string Description => "share of answers that equal a reference; blanks at both ends aside, everything counts";

    /// <summary>Whether one answer is right.</summary>
    public static bool IsRight(string answer, string expected) => answer.AsSpan().Trim().SequenceEqual(expected.AsSpan().Trim());

    /// <summary>Percentage of right answers, 0 to 100.</summary>
    /// <exception cref="ArgumentException">The lists differ in length, or are empty.</exception>
    public static double Percent(IReadOnlyList<string> answers, IReadOnlyList<string> expected)
    {
        if (answers.Count != expected.Count || answers.Count == 0)
        {
            throw new ArgumentException($"exact match: {answers.Count} answers and {expected.Count} expected texts");
        }

        return 100.0 * answers.Zip(expected).Count(pair => IsRight(pair.First, pair.Second)) / answers.Count;
    }

    /// <inheritdoc/>
    protected override double Score(string answer, string reference) => IsRight(answer, reference) ? 1 : 0;
}
