using Lorikeet.Tensors;

namespace Lorikeet.Evaluation;

/// <summary>How two systems differ in a metric on the same rows.</summary>
/// <param name="A">Value of the first.</param>
/// <param name="B">Value of the second.</param>
/// <param name="Difference">B - A.</param>
/// <param name="Low">Lower end of the interval of the difference.</param>
/// <param name="High">Upper end of the interval of the difference.</param>
/// <param name="PValue">
/// Twice the share of resamples in which the difference does not have the sign of <paramref name="Difference"/>, at most 1: a small one
/// says that the sign is unlikely to be chance.
/// </param>
/// <param name="Better">Rows on which B is better than A.</param>
/// <param name="Worse">Rows on which B is worse than A.</param>
/// <param name="Equal">Rows on which both score the same.</param>
/// <param name="SignTest">Two-sided probability of a split as uneven as better : worse or more, were both equally good (McNemar's exact test).</param>
public sealed record PairedDifference(
    double A, double B, double Difference, double Low, double High, double PValue, int Better, int Worse, int Equal, double SignTest)
{
    /// <summary>Whether the interval lies on one side of zero.</summary>
    public bool IsClear => Low > 0 || High < 0;
}

/// <summary>
/// Compares two systems on the same rows: rows are drawn with replacement, the same for both, and the difference of the metric is computed
/// anew each time. The interval is that of the percentiles.
/// </summary>
/// <remarks>Source: Koehn 2004, "Statistical Significance Tests for Machine Translation Evaluation"; McNemar 1947 for wins and losses.</remarks>
public static class PairedBootstrap
{
    /// <summary>Resamples where nothing else is asked for.</summary>
    public const int DefaultResamples = 10_000;

    /// <summary>Compares.</summary>
    /// <param name="a">The first system's measurement.</param>
    /// <param name="b">The second system's, of the same metric on the same rows.</param>
    /// <param name="options">Resamples, level, seed.</param>
    /// <param name="cancellation">Stops between resamples.</param>
    /// <exception cref="ArgumentException">The measurements are of different metrics or numbers of rows.</exception>
    public static PairedDifference Compare(Measurement a, Measurement b, BootstrapOptions options, CancellationToken cancellation = default)
    {
        if (a.Metric.Name != b.Metric.Name || a.Rows.Count != b.Rows.Count)
        {
            throw new ArgumentException($"cannot pair {a.Metric.Name} of {a.Rows.Count} rows with {b.Metric.Name} of {b.Rows.Count}");
        }

        double[] differences = Resample(a, b, options, cancellation);
        Array.Sort(differences);
        double difference = b.Value - a.Value;
        int opposed = differences.Count(d => difference > 0 ? d <= 0 : d >= 0);
        double tail = (1 - options.Level) / 2;
        (int better, int worse) = Wins(a, b);
        return new PairedDifference(
            a.Value,
            b.Value,
            difference,
            Quantile(differences, tail),
            Quantile(differences, 1 - tail),
            difference == 0 ? 1 : Math.Min(1, 2.0 * opposed / differences.Length),
            better,
            worse,
            a.Rows.Count - better - worse,
            SignTest(better, worse));
    }

    /// <summary>Two-sided probability that a fair coin falls at least as unevenly.</summary>
    internal static double SignTest(int better, int worse)
    {
        int n = better + worse;
        double sum = 0;
        for (int k = 0; k <= Math.Min(better, worse); k++)
        {
            sum += Math.Exp(LogFactorial(n) - LogFactorial(k) - LogFactorial(n - k) - (n * Math.Log(2)));
        }

        return Math.Min(1, 2 * sum);
    }

    private static double[] Resample(Measurement a, Measurement b, BootstrapOptions options, CancellationToken cancellation)
    {
        int rows = a.Rows.Count, width = a.Rows[0].Summands.Length;
        double[] flatA = [.. a.Rows.SelectMany(r => r.Summands)], flatB = [.. b.Rows.SelectMany(r => r.Summands)];
        double[] differences = new double[options.Resamples];
        double[] sumA = new double[width], sumB = new double[width];
        for (int i = 0; i < differences.Length; i++)
        {
            cancellation.ThrowIfCancellationRequested();
            Array.Clear(sumA);
            Array.Clear(sumB);
            ulong key = Rng.Key(options.Seed, (ulong)i);
            for (int drawn = 0; drawn < rows; drawn += 4)
            {
                (uint w0, uint w1, uint w2, uint w3) = Rng.Philox(key, (ulong)drawn, 0);
                Add(w0);
                if (drawn + 1 < rows)
                {
                    Add(w1);
                }

                if (drawn + 2 < rows)
                {
                    Add(w2);
                }

                if (drawn + 3 < rows)
                {
                    Add(w3);
                }
            }

            differences[i] = b.Metric.Value(sumB) - a.Metric.Value(sumA);
            void Add(uint word)
            {
                int row = (int)(((ulong)word * (ulong)rows) >> 32) * width;
                for (int s = 0; s < width; s++)
                {
                    sumA[s] += flatA[row + s];
                    sumB[s] += flatB[row + s];
                }
            }
        }

        return differences;
    }

    private static (int Better, int Worse) Wins(Measurement a, Measurement b)
    {
        int better = 0, worse = 0;
        for (int i = 0; i < a.Rows.Count; i++)
        {
            int sign = Math.Sign(b.Rows[i].Score.CompareTo(a.Rows[i].Score)) * (a.Metric.HigherIsBetter ? 1 : -1);
            better += sign > 0 ? 1 : 0;
            worse += sign < 0 ? 1 : 0;
        }

        return (better, worse);
    }

    /// <summary>Linear between neighbours.</summary>
    private static double Quantile(double[] sorted, double share)
    {
        double at = share * (sorted.Length - 1);
        int below = (int)at;
        return below + 1 < sorted.Length ? sorted[below] + ((at - below) * (sorted[below + 1] - sorted[below])) : sorted[below];
    }

    private static double LogFactorial(int n)
    {
        double sum = 0;
        for (int i = 2; i <= n; i++)
        {
            sum += Math.Log(i);
        }

        return sum;
    }
}

/// <summary>How rows are drawn again.</summary>
public sealed record BootstrapOptions
{
    /// <summary>Number of resamples.</summary>
    public int Resamples { get; init; } = PairedBootstrap.DefaultResamples;

    /// <summary>Level of the interval.</summary>
    public double Level { get; init; } = 0.95;

    /// <summary>Seed of the draws.</summary>
    public ulong Seed { get; init; } = 42;
}
