using System.Text.Json.Nodes;

namespace Lorikeet.Evaluation.Tests;

public sealed class EvaluationReportTests
{
    [Fact]
    public void Worst_rows_come_first_by_the_first_metric_then_by_the_others()
    {
        EvaluationReport report = Build(["exact_match", "anls"], [("yes", "yes"), ("nooo", "yes"), ("yed", "yes"), ("no!!", "yes")]);
        Assert.Equal([1, 3, 2, 0], report.WorstFirst());
        EvaluationReport loss = Build(["loss"], [("", "a"), ("", "b")], losses: [1, 5]);
        Assert.Equal([1, 0], loss.WorstFirst()); // a large loss is bad
    }

    [Fact]
    public void A_row_that_one_model_cannot_use_counts_for_neither()
    {
        EvaluatedModel a = Model("a", ["yes", "yes", "yes"]), b = Model("b", ["yes", null, "no"]);
        EvaluationReport report = EvaluationReport.Build([a, b], MetricCatalog.Create(["exact_match"], new MetricOptions()), [["yes"], ["yes"], ["yes"]], new BootstrapOptions { Resamples = 200 }, default);
        Assert.Equal([0, 2], report.Rows);
        Assert.Equal([(1, "broken")], report.LeftOut);
        Assert.Equal(0.5, report.Differences[0].B);
        Assert.Contains(report.Notes, n => n.StartsWith("1 of 3 rows could not be used", StringComparison.Ordinal));
        Assert.Contains(report.Notes, n => n.StartsWith("2 rows are few", StringComparison.Ordinal));
    }

    [Fact]
    public void No_usable_row_is_an_error() => Assert.StartsWith(
        "none of the 1 rows could be evaluated; the first: broken",
        Assert.Throws<InvalidDataException>(() => EvaluationReport.Build([Model("a", [null])], MetricCatalog.Create(null, new MetricOptions()), [[]], new BootstrapOptions(), default)).Message,
        StringComparison.Ordinal);

    [Fact]
    public void Differences_are_put_into_words()
    {
        EvaluatedModel a = Model("old", [.. Enumerable.Repeat("no", 60)]), b = Model("new", [.. Enumerable.Range(0, 60).Select(i => i < 30 ? "yes" : "no")]);
        IReadOnlyList<string>[] references = [.. Enumerable.Repeat<IReadOnlyList<string>>(["yes"], 60)];
        IReadOnlyList<IMetric> metrics = MetricCatalog.Create(["exact_match"], new MetricOptions());
        string better = EvaluationReport.Build([a, b], metrics, references, new BootstrapOptions { Resamples = 1000 }, default).Sentence(0);
        Assert.Matches(@"^exact_match: new \(50\.0 %\) is better than old \(0\.0 %\): \+50\.0 points, 95 % interval \+3\d\.\d to \+6\d\.\d points\. new does better on 30 rows, old on 0, 30 are equal\.$", better);
        string worse = EvaluationReport.Build([b, a], metrics, references, new BootstrapOptions { Resamples = 1000 }, default).Sentence(0);
        Assert.StartsWith("exact_match: old (0.0 %) is worse than new (50.0 %): -50.0 points, ", worse, StringComparison.Ordinal);
        string same = EvaluationReport.Build([a, a with { Name = "twin" }], metrics, references, new BootstrapOptions { Resamples = 200 }, default).Sentence(0);
        Assert.StartsWith("exact_match: no clear difference between twin (0.0 %) and old (0.0 %): 0.0 points, and the 95 % interval 0.0 to 0.0 points holds zero.", same, StringComparison.Ordinal);
    }

    [Fact]
    public void Metrics_that_cannot_work_on_the_rows_say_so()
    {
        EvaluationReport report = Build(["bleu", "rouge_l", "cider"], [("一只猫", "一只猫")]);
        Assert.Contains(report.Notes, n => n.StartsWith("bleu: no answer of m has four words", StringComparison.Ordinal));
        Assert.Contains(report.Notes, n => n.StartsWith("rouge_l: 1 of 1 rows have no reference with letters", StringComparison.Ordinal));
        Assert.Contains(report.Notes, n => n.StartsWith("cider: with one row", StringComparison.Ordinal));
        Assert.Empty(Build(["bleu", "rouge_l", "cider"], [("a cat sits here", "a cat sits there"), ("b", "b")]).Notes);
    }

    [Fact]
    public void Values_that_do_not_exist_are_null_in_json()
    {
        EvaluationReport report = Build(["loss"], [("", "a")], losses: [double.NaN]);
        string path = Path.Combine(Directory.CreateTempSubdirectory("lorikeet-report-").FullName, "report.json");
        ReportJson.Write(path, report, new ReportContext { Data = "d", Row = _ => new ReportRow("d:1", "<b>一\n", ["a"], []) });
        JsonNode json = JsonNode.Parse(File.ReadAllText(path))!;
        Assert.Null(json["models"]![0]!["values"]!["loss"]);
        Assert.Equal("<b>一\n", (string)json["rows"]![0]!["prompt"]!);
        Directory.Delete(Path.GetDirectoryName(path)!, recursive: true);
    }

    private static EvaluationReport Build(string[] metrics, (string Answer, string Reference)[] rows, double[]? losses = null)
    {
        EvaluatedModel model = Model("m", [.. rows.Select(r => r.Answer)]) with
        {
            Losses = losses is null ? new Dictionary<int, LossRow>() : losses.Select((sum, row) => new LossRow { Row = row, LossSum = sum, LossTokens = 1 }).ToDictionary(l => l.Row),
        };
        return EvaluationReport.Build([model], MetricCatalog.Create(metrics, new MetricOptions()), [.. rows.Select(r => (IReadOnlyList<string>)[r.Reference])], new BootstrapOptions(), default);
    }

    private static EvaluatedModel Model(string name, string?[] answers) => new()
    {
        Name = name,
        Model = name,
        Identity = new Dictionary<string, string>(),
        Answers = answers.Select((answer, row) => new AnsweredRow { Row = row, Answer = answer ?? "", Error = answer is null ? "broken" : null, Stop = "end" }).ToDictionary(a => a.Row),
    };
}
