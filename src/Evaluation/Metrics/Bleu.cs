namespace Lorikeet.Evaluation;

/// <summary>
/// Corpus BLEU, 0 to 100: geometric mean of the precisions of runs of one to four words, clipped by the references, times the brevity
/// penalty exp(1 - reference words / answer words). A row's own score is its sentence BLEU.
/// </summary>
/// <remarks>
/// Source: Papineni et al. 2002, as sacreBLEU 2.x by default (tok:13a, smooth:exp, case:mixed, eff:no; eff:yes for a row's own score). The
/// reference length is that of the reference closest in length, the shorter of two.
/// </remarks>
public sealed class Bleu : IMetric
{
    private const int Order = 4;

    /// <inheritdoc/>
    public string Name => "bleu";

    /// <inheritdoc/>
    public string Description => "corpus BLEU, 0 to 100, as sacreBLEU 2 (case:mixed|eff:no|tok:13a|smooth:exp)";

    /// <inheritdoc/>
    public MetricUnit Unit => MetricUnit.Number;

    /// <inheritdoc/>
    public IReadOnlyList<RowScore> Score(IReadOnlyList<Prediction> predictions) => [.. predictions.Select(prediction =>
    {
        double[] statistics = Statistics(prediction);
        return new RowScore(Value(statistics, effectiveOrder: true), statistics);
    })];

    /// <inheritdoc/>
    public double Value(ReadOnlySpan<double> sums) => Value(sums, effectiveOrder: false);

    /// <summary>Answer words, reference words, then per run length the runs found in a reference and all runs.</summary>
    private static double[] Statistics(Prediction prediction)
    {
        var answer = new NgramCounts(BleuTokenizer.Tokenize(prediction.Answer), Order);
        NgramCounts[] references = [.. prediction.References.Select(reference => new NgramCounts(BleuTokenizer.Tokenize(reference), Order))];
        double[] statistics = new double[2 + (2 * Order)];
        statistics[0] = answer.Length;
        statistics[1] = references.Select(r => r.Length).MinBy(length => (Math.Abs(length - answer.Length), length));
        for (int n = 1; n <= Order; n++)
        {
            foreach ((string run, int count) in answer.Of(n))
            {
                statistics[2 + n - 1] += Math.Min(count, references.Max(reference => reference.Of(n).GetValueOrDefault(run)));
                statistics[2 + Order + n - 1] += count;
            }
        }

        return statistics;
    }

    private static double Value(ReadOnlySpan<double> statistics, bool effectiveOrder)
    {
        double words = statistics[0], expected = statistics[1];
        ReadOnlySpan<double> found = statistics.Slice(2, Order), all = statistics.Slice(2 + Order, Order);
        if (found.IndexOfAnyExcept(0.0) < 0)
        {
            return 0;
        }

        double logs = 0, smoothing = 1;
        int order = 0;
        for (; order < Order && all[order] > 0; order++)
        {
            double precision = found[order] > 0 ? 100 * found[order] / all[order] : 100 / ((smoothing *= 2) * all[order]);
            logs += Math.Log(precision);
        }

        // Without the effective order, run lengths that no answer reaches make the whole 0.
        if (order < Order && !effectiveOrder)
        {
            return 0;
        }

        return Math.Exp(logs / order) * (words < expected ? Math.Exp(1 - (expected / words)) : 1);
    }
}
