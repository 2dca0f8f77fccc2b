namespace Lorikeet.Evaluation;

/// <summary>A metric whose value over a data set is the mean of the rows' scores.</summary>
public abstract class MeanMetric : IMetric
{
    /// <inheritdoc/>
    public abstract string Name { get; }

    /// <inheritdoc/>
    public abstract string Description { get; }

    /// <inheritdoc/>
    public virtual MetricUnit Unit => MetricUnit.Share;

    /// <inheritdoc/>
    public virtual IReadOnlyList<RowScore> Score(IReadOnlyList<Prediction> predictions) =>
        [.. predictions.Select(p => Score(p)).Select(score => new RowScore(score, [score, 1]))];

    /// <inheritdoc/>
    public double Value(ReadOnlySpan<double> sums) => sums[0] / sums[1];

    /// <summary>The score of one row: by default that of the reference that fits best.</summary>
    protected virtual double Score(Prediction prediction) => prediction.References.Max(reference => Score(prediction.Answer, reference));

    /// <summary>The score of an answer against one reference.</summary>
    protected abstract double Score(string answer, string reference);
}
