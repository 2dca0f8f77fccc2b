namespace Lorikeet.Evaluation;

/// <summary>Mean loss per supervised token of the right answers, in nats, as training's evaluation loss.</summary>
public sealed class TokenLoss : IMetric
{
    /// <inheritdoc/>
    public string Name => "loss";

    /// <inheritdoc/>
    public string Description => "mean of -log p over the supervised tokens of the rows, as training's evaluation loss";

    /// <inheritdoc/>
    public MetricUnit Unit => MetricUnit.Number;

    /// <inheritdoc/>
    public bool HigherIsBetter => false;

    /// <inheritdoc/>
    public bool NeedsAnswers => false;

    /// <inheritdoc/>
    public bool NeedsLoss => true;

    /// <inheritdoc/>
    public IReadOnlyList<RowScore> Score(IReadOnlyList<Prediction> predictions) =>
        [.. predictions.Select(p => new RowScore(p.LossSum / p.LossTokens, [p.LossSum, p.LossTokens]))];

    /// <inheritdoc/>
    public double Value(ReadOnlySpan<double> sums) => sums[0] / sums[1];
}

/// <summary>exp of the mean loss per supervised token.</summary>
public sealed class Perplexity : IMetric
{
    private static readonly TokenLoss Loss = new();

    /// <inheritdoc/>
    public string Name => "perplexity";

    /// <inheritdoc/>
    public string Description => "exp of the mean loss per supervised token";

    /// <inheritdoc/>
    public MetricUnit Unit => MetricUnit.Number;

    /// <inheritdoc/>
    public bool HigherIsBetter => false;

    /// <inheritdoc/>
    public bool NeedsAnswers => false;

    /// <inheritdoc/>
    public bool NeedsLoss => true;

    /// <inheritdoc/>
    public IReadOnlyList<RowScore> Score(IReadOnlyList<Prediction> predictions) =>
        [.. Loss.Score(predictions).Select(row => row with { Score = Math.Exp(row.Score) })];

    /// <inheritdoc/>
    public double Value(ReadOnlySpan<double> sums) => Math.Exp(Loss.Value(sums));
}
