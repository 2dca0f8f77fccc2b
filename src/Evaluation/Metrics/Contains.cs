namespace Lorikeet.Evaluation;

/// <summary>Share of answers in which a reference occurs, whatever stands around it; lower case and single blanks on both sides.</summary>
/// <remarks>Source: how OCRBench and lmms-eval judge short answers inside long ones.</remarks>
public sealed class Contains : MeanMetric
{
    /// <inheritdoc/>
    public override string Name => "contains";

    /// <inheritdoc/>
    public override string Description => "share of answers in which a reference occurs; case aside, single blanks";

    /// <inheritdoc/>
    protected override double Score(string answer, string reference) =>
        Words.Collapse(answer).Contains(Words.Collapse(reference), StringComparison.Ordinal) ? 1 : 0;
}
