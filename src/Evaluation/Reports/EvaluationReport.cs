using System.Globalization;

namespace Lorikeet.Evaluation;

/// <summary>A row as reports show it.</summary>
/// <param name="Origin">Where it stands, <c>file:line</c>.</param>
/// <param name="Prompt">The turns before the answer, as text.</param>
/// <param name="References">Right answers.</param>
/// <param name="Images">Names of its pictures, then of its videos.</param>
public sealed record ReportRow(string Origin, string Prompt, IReadOnlyList<string> References, IReadOnlyList<string> Images);

/// <summary>One or two models on a data set, measured and, if there are two, compared.</summary>
public sealed class EvaluationReport
{
    private const int FewRows = 30;

    private EvaluationReport(IReadOnlyList<EvaluatedModel> models, IReadOnlyList<int> rows, IReadOnlyList<(int Row, string Error)> leftOut, IReadOnlyList<IReadOnlyList<Measurement>> measurements)
    {
        Models = models;
        Rows = rows;
        LeftOut = leftOut;
        Measurements = measurements;
    }

    /// <summary>The models; one, or two that are compared (A and B).</summary>
    public IReadOnlyList<EvaluatedModel> Models { get; }

    /// <summary>Numbers of the rows that were measured, ascending.</summary>
    public IReadOnlyList<int> Rows { get; }

    /// <summary>Rows that a model could not use, and why; they count for none.</summary>
    public IReadOnlyList<(int Row, string Error)> LeftOut { get; }

    /// <summary>Per model its measurements, in the order of the metrics.</summary>
    public IReadOnlyList<IReadOnlyList<Measurement>> Measurements { get; }

    /// <summary>Per metric how B differs from A; empty for one model.</summary>
    public IReadOnlyList<PairedDifference> Differences { get; private init; } = [];

    /// <summary>How the differences were computed.</summary>
    public BootstrapOptions Bootstrap { get; private init; } = new();

    /// <summary>The metrics.</summary>
    public IReadOnlyList<IMetric> Metrics => [.. Measurements[0].Select(m => m.Metric)];

    /// <summary>What the reader should know, one sentence each.</summary>
    public IReadOnlyList<string> Notes { get; private init; } = [];

    /// <summary>Measures.</summary>
    /// <param name="models">One or two models with complete results.</param>
    /// <param name="metrics">What is measured.</param>
    /// <param name="references">Right answers of the rows, all of them.</param>
    /// <param name="bootstrap">How two models are compared.</param>
    /// <param name="cancellation">Stops between resamples.</param>
    /// <exception cref="InvalidDataException">No row is usable.</exception>
    public static EvaluationReport Build(
        IReadOnlyList<EvaluatedModel> models, IReadOnlyList<IMetric> metrics, IReadOnlyList<IReadOnlyList<string>> references, BootstrapOptions bootstrap, CancellationToken cancellation)
    {
        var rows = new List<int>();
        var leftOut = new List<(int Row, string Error)>();
        for (int row = 0; row < references.Count; row++)
        {
            if (models.Select(m => m.ErrorOf(row)).FirstOrDefault(e => e is not null) is { } error)
            {
                leftOut.Add((row, error));
            }
            else
            {
                rows.Add(row);
            }
        }

        if (rows.Count == 0)
        {
            throw new InvalidDataException($"none of the {references.Count} rows could be evaluated; the first: {leftOut[0].Error}");
        }

        IReadOnlyList<Measurement>[] measurements = [.. models.Select(model => Measure(model, metrics, rows, references))];
        return new EvaluationReport(models, rows, leftOut, measurements)
        {
            Bootstrap = bootstrap,
            Differences = models.Count < 2 ? [] : [.. measurements[0].Zip(measurements[1], (a, b) => PairedBootstrap.Compare(a, b, bootstrap, cancellation))],
            Notes = [.. NotesOn(models, metrics, rows, references, leftOut.Count)],
        };
    }

    /// <summary>Indexes into <see cref="Rows"/>, worst first: by the first metric (of two models: of B), equal ones by the mean of the others.</summary>
    public IReadOnlyList<int> WorstFirst()
    {
        IReadOnlyList<Measurement> judged = Measurements[^1];
        double Badness(Measurement m, int i) => m.Rows[i].Score * (m.Metric.HigherIsBetter ? 1 : -1);
        return [.. Enumerable.Range(0, Rows.Count).OrderBy(i => Badness(judged[0], i)).ThenBy(i => judged.Skip(1).Sum(m => Badness(m, i))).ThenBy(i => i)];
    }

    /// <summary>A difference in a sentence.</summary>
    /// <param name="index">Number of the metric.</param>
    public string Sentence(int index)
    {
        IMetric metric = Metrics[index];
        PairedDifference d = Differences[index];
        (string a, string b) = (Models[0].Name, Models[1].Name);
        string interval = string.Create(CultureInfo.InvariantCulture, $"{100 * Bootstrap.Level:0.#} % interval {MetricText.Interval(metric, d)}");
        string rows = $"{b} does better on {d.Better} rows, {a} on {d.Worse}, {d.Equal} are equal.";
        if (!d.IsClear)
        {
            return $"{metric.Name}: no clear difference between {b} ({MetricText.Value(metric, d.B)}) and {a} ({MetricText.Value(metric, d.A)}): {MetricText.Difference(metric, d.Difference)}, and the {interval} holds zero. {rows}";
        }

        string word = d.Difference > 0 == metric.HigherIsBetter ? "better" : "worse";
        return $"{metric.Name}: {b} ({MetricText.Value(metric, d.B)}) is {word} than {a} ({MetricText.Value(metric, d.A)}): {MetricText.Difference(metric, d.Difference)}, {interval}. {rows}";
    }

    private static IReadOnlyList<Measurement> Measure(EvaluatedModel model, IReadOnlyList<IMetric> metrics, List<int> rows, IReadOnlyList<IReadOnlyList<string>> references)
    {
        Prediction[] predictions =
        [
            .. rows.Select(row => new Prediction(model.Answers.GetValueOrDefault(row)?.Answer ?? "", references[row])
            {
                LossSum = model.Losses.GetValueOrDefault(row)?.LossSum ?? double.NaN,
                LossTokens = model.Losses.GetValueOrDefault(row)?.LossTokens ?? 0,
            }),
        ];
        return [.. metrics.Select(metric => Measurement.Of(metric, predictions))];
    }

    private static IEnumerable<string> NotesOn(
        IReadOnlyList<EvaluatedModel> models, IReadOnlyList<IMetric> metrics, List<int> rows, IReadOnlyList<IReadOnlyList<string>> references, int leftOut)
    {
        if (leftOut > 0)
        {
            yield return $"{leftOut} of {references.Count} rows could not be used and count for nothing; they are listed with their reasons.";
        }

        foreach (EvaluatedModel model in models)
        {
            int cut = rows.Count(row => model.Answers.GetValueOrDefault(row)?.Stop == "max_new_tokens");
            if (cut > 0)
            {
                yield return $"{model.Name}: {cut} of {rows.Count} answers reached max_new_tokens and were cut off there.";
            }
        }

        int wordless = metrics.Any(m => m is RougeL) ? rows.Count(row => references[row].All(r => RougeL.Tokenize(r).Count == 0)) : 0;
        if (wordless > 0)
        {
            yield return $"rouge_l: {wordless} of {rows.Count} rows have no reference with letters a-z or digits, so they score 0; anls and cider know other scripts.";
        }

        foreach (EvaluatedModel model in metrics.Any(m => m is Bleu) ? models : [])
        {
            if (rows.All(row => BleuTokenizer.Tokenize(model.Answers.GetValueOrDefault(row)?.Answer ?? "").Length < 4))
            {
                yield return $"bleu: no answer of {model.Name} has four words, so corpus BLEU is 0 by definition; it is no metric for short answers.";
            }
        }

        if (models.Count > 1 && rows.Count < FewRows)
        {
            yield return $"{rows.Count} rows are few: with fewer than about {FewRows} the bootstrap's intervals are too narrow.";
        }

        if (rows.Count == 1 && metrics.Any(m => m is Cider))
        {
            yield return "cider: with one row no word is rare, so the value is 0.";
        }
    }
}

/// <summary>Values of metrics as people read them.</summary>
public static class MetricText
{
    /// <summary>A value: a share as a percentage, a number with four significant decimals.</summary>
    public static string Value(IMetric metric, double value) => double.IsNaN(value) ? "none"
        : metric.Unit == MetricUnit.Share ? (100 * value).ToString("0.0", CultureInfo.InvariantCulture) + " %"
        : value.ToString(Math.Abs(value) >= 10 ? "0.00" : "0.0000", CultureInfo.InvariantCulture);

    /// <summary>A difference of values with its sign; of shares in percentage points.</summary>
    public static string Difference(IMetric metric, double value) => Signed(metric, value) + (metric.Unit == MetricUnit.Share ? " points" : "");

    /// <summary>The interval of a difference.</summary>
    public static string Interval(IMetric metric, PairedDifference difference) =>
        $"{Signed(metric, difference.Low)} to {Difference(metric, difference.High)}";

    private static string Signed(IMetric metric, double value) => (value > 0 ? "+" : "")
        + (metric.Unit == MetricUnit.Share ? (100 * value).ToString("0.0", CultureInfo.InvariantCulture) : Value(metric, value));
}
