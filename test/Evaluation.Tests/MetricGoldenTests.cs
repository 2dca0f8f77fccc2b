using System.Text.Json.Nodes;
using Lorikeet.Testing;

namespace Lorikeet.Evaluation.Tests;

/// <summary>Values of the reference programs on generated answers with several references; see tools/goldens/metrics.py.</summary>
public sealed class MetricGoldenTests
{
    private static readonly JsonNode Cases = JsonNode.Parse(File.ReadAllText(Golden.Path("metrics", "cases.json")))!;

    public static TheoryData<int> Mixed => [.. Enumerable.Range(0, Cases["mixed"]!.AsArray().Count)];

    public static TheoryData<int> Captions => [.. Enumerable.Range(0, Cases["captions"]!.AsArray().Count)];

    [Theory]
    [MemberData(nameof(Mixed))]
    public void Bleu_and_rouge_equal_the_reference(int number)
    {
        JsonNode node = Cases["mixed"]![number]!;
        Measurement bleu = Measurement.Of(new Bleu(), Predictions(node)), rouge = Measurement.Of(new RougeL(), Predictions(node));
        Assert.Equal((double)node["bleu"]!, bleu.Value, 9);
        Near(node["sentence_bleu"]!, bleu);
        Near(node["rouge_l"]!, rouge);
    }

    [Theory]
    [MemberData(nameof(Captions))]
    public void Cider_equals_the_reference(int number)
    {
        JsonNode node = Cases["captions"]![number]!;
        Measurement cider = Measurement.Of(new Cider(), Predictions(node));
        Assert.Equal((double)node["cider"]!, cider.Value, 9);
        Near(node["scores"]!, cider);
    }

    private static void Near(JsonNode expected, Measurement measured)
    {
        double[] values = [.. expected.AsArray().Select(v => (double)v!)];
        Assert.Equal(values.Length, measured.Rows.Count);
        for (int i = 0; i < values.Length; i++)
        {
            Assert.Equal(values[i], measured.Rows[i].Score, 9);
        }
    }

    private static Prediction[] Predictions(JsonNode node) =>
        [.. node["answers"]!.AsArray().Zip(node["references"]!.AsArray(), (a, r) => new Prediction((string)a!, [.. r!.AsArray().Select(t => (string)t!)]))];
}
