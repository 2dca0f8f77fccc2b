namespace Lorikeet.Evaluation;

/// <summary>What a metric looks at: an answer, what would have been right, and the loss of the right answer.</summary>
/// <param name="Answer">The model's answer; empty where only the loss was computed.</param>
/// <param name="References">Right answers, at least one.</param>
public sealed record Prediction(string Answer, IReadOnlyList<string> References)
{
    /// <summary>Sum of the losses of the row's supervised tokens in nats; NaN where it was not computed.</summary>
    public double LossSum { get; init; } = double.NaN;

    /// <summary>Number of supervised tokens.</summary>
    public long LossTokens { get; init; }
}

/// <summary>How a value is to be read.</summary>
public enum MetricUnit
{
    /// <summary>0 to 1, shown as a percentage.</summary>
    Share,

    /// <summary>A number on a scale of its own.</summary>
    Number,
}

/// <summary>
/// A measure of answers. Its value over a data set is a function of sums over the rows, so it can be computed for any part or resample of
/// the rows (see <see cref="PairedBootstrap"/>).
/// </summary>
public interface IMetric
{
    /// <summary>Name on the command line and in reports.</summary>
    string Name { get; }

    /// <summary>What it measures and which program's numbers it agrees with, in one sentence.</summary>
    string Description { get; }

    /// <summary>How the value is to be read.</summary>
    MetricUnit Unit => MetricUnit.Share;

    /// <summary>Whether a larger value is the better one.</summary>
    bool HigherIsBetter => true;

    /// <summary>Whether it looks at answers, which then are generated.</summary>
    bool NeedsAnswers => true;

    /// <summary>Whether it looks at losses, which then are computed.</summary>
    bool NeedsLoss => false;

    /// <summary>Scores of the rows, and the sums that the data set's value is made of.</summary>
    /// <param name="predictions">All rows of the data set, in order.</param>
    /// <returns>Per row its own score and its summands; every row has the same number of summands.</returns>
    IReadOnlyList<RowScore> Score(IReadOnlyList<Prediction> predictions);

    /// <summary>The value over some rows.</summary>
    /// <param name="sums">The rows' summands, added up.</param>
    /// <returns>The value; NaN where the rows have none.</returns>
    double Value(ReadOnlySpan<double> sums);
}

/// <summary>A row in a metric.</summary>
/// <param name="Score">The value for this row alone.</param>
/// <param name="Summands">What it adds to the sums of a data set.</param>
public sealed record RowScore(double Score, double[] Summands);

/// <summary>A metric over a data set.</summary>
/// <param name="Metric">The metric.</param>
/// <param name="Rows">Scores of the rows, in order.</param>
/// <param name="Value">The data set's value.</param>
public sealed record Measurement(IMetric Metric, IReadOnlyList<RowScore> Rows, double Value)
{
    /// <summary>Measures a data set.</summary>
    /// <exception cref="ArgumentException">There is no row.</exception>
    public static Measurement Of(IMetric metric, IReadOnlyList<Prediction> predictions)
    {
        ArgumentOutOfRangeException.ThrowIfZero(predictions.Count, nameof(predictions));
        IReadOnlyList<RowScore> rows = metric.Score(predictions);
        double[] sums = new double[rows[0].Summands.Length];
        foreach (RowScore row in rows)
        {
            for (int i = 0; i < sums.Length; i++)
            {
                sums[i] += row.Summands[i];
            }
        }

        return new Measurement(metric, rows, metric.Value(sums));
    }
}
