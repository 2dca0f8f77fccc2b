namespace Lorikeet.Evaluation;

/// <summary>Share of answers that equal the expected text, blanks at both ends aside.</summary>
public static class ExactMatch
{
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
}
