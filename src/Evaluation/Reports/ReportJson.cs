using System.Text.Encodings.Web;
using System.Text.Json;
using Lorikeet.Nn.Weights;

namespace Lorikeet.Evaluation;

/// <summary>What a report says about its making, besides the results.</summary>
public sealed record ReportContext
{
    /// <summary>The program's version.</summary>
    public string Version { get; init; } = "";

    /// <summary>When the report was made.</summary>
    public DateTimeOffset Created { get; init; }

    /// <summary>The data file.</summary>
    public required string Data { get; init; }

    /// <summary>Settings by name, as shown in reports.</summary>
    public IReadOnlyList<(string Name, string Value)> Settings { get; init; } = [];

    /// <summary>Rows as reports show them, by number.</summary>
    public required Func<int, ReportRow> Row { get; init; }
}

/// <summary>Writes a report as JSON; docs/evaluation.md describes it.</summary>
public static class ReportJson
{
    private static readonly JsonWriterOptions Options = new() { Indented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>Writes the file; it appears whole or not at all.</summary>
    public static void Write(string path, EvaluationReport report, ReportContext context) => AtomicFile.Write(path, stream =>
    {
        using var json = new Utf8JsonWriter(stream, Options);
        json.WriteStartObject();
        json.WriteNumber("format", 1);
        json.WriteString("lorikeet", context.Version);
        json.WriteString("created", context.Created);
        json.WriteString("data", context.Data);
        json.WriteStartObject("settings");
        foreach ((string name, string value) in context.Settings)
        {
            json.WriteString(name, value);
        }

        json.WriteEndObject();
        json.WriteNumber("rows_measured", report.Rows.Count);
        Strings(json, "notes", report.Notes);
        Metrics(json, report);
        Models(json, report);
        Comparison(json, report);
        LeftOut(json, report, context);
        Rows(json, report, context);
        json.WriteEndObject();
    });

    private static void Metrics(Utf8JsonWriter json, EvaluationReport report)
    {
        json.WriteStartObject("metrics");
        foreach (IMetric metric in report.Metrics)
        {
            json.WriteStartObject(metric.Name);
            json.WriteString("description", metric.Description);
            json.WriteBoolean("higher_is_better", metric.HigherIsBetter);
            json.WriteEndObject();
        }

        json.WriteEndObject();
    }

    private static void Models(Utf8JsonWriter json, EvaluationReport report)
    {
        json.WriteStartArray("models");
        for (int m = 0; m < report.Models.Count; m++)
        {
            EvaluatedModel model = report.Models[m];
            json.WriteStartObject();
            json.WriteString("name", model.Name);
            json.WriteString("model", model.Model);
            json.WriteString("adapter", model.Adapter);
            json.WriteStartObject("values");
            foreach (Measurement measurement in report.Measurements[m])
            {
                Number(json, measurement.Metric.Name, measurement.Value);
            }

            json.WriteEndObject();
            json.WriteNumber("answers", model.Answers.Values.Count(a => a.Error is null));
            json.WriteNumber("cut_off", model.Answers.Values.Count(a => a.Stop == "max_new_tokens"));
            json.WriteNumber("answer_tokens", model.Answers.Values.Sum(a => (long)a.Tokens));
            json.WriteNumber("seconds", Math.Round(model.Seconds, 3));
            Number(json, "tokens_per_s", model.GenerationSeconds > 0 ? Math.Round(model.NewTokens / model.GenerationSeconds, 2) : double.NaN);
            json.WriteStartObject("identity");
            foreach ((string name, string value) in model.Identity)
            {
                json.WriteString(name, value);
            }

            json.WriteEndObject();
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }

    private static void Comparison(Utf8JsonWriter json, EvaluationReport report)
    {
        if (report.Differences.Count == 0)
        {
            return;
        }

        json.WriteStartObject("comparison");
        json.WriteNumber("resamples", report.Bootstrap.Resamples);
        json.WriteNumber("level", report.Bootstrap.Level);
        json.WriteNumber("seed", report.Bootstrap.Seed);
        json.WriteStartObject("differences");
        for (int i = 0; i < report.Differences.Count; i++)
        {
            PairedDifference d = report.Differences[i];
            json.WriteStartObject(report.Metrics[i].Name);
            Number(json, "a", d.A);
            Number(json, "b", d.B);
            Number(json, "difference", d.Difference);
            Number(json, "low", d.Low);
            Number(json, "high", d.High);
            Number(json, "p_value", d.PValue);
            json.WriteNumber("better", d.Better);
            json.WriteNumber("worse", d.Worse);
            json.WriteNumber("equal", d.Equal);
            Number(json, "sign_test", d.SignTest);
            json.WriteString("sentence", report.Sentence(i));
            json.WriteEndObject();
        }

        json.WriteEndObject();
        json.WriteEndObject();
    }

    private static void LeftOut(Utf8JsonWriter json, EvaluationReport report, ReportContext context)
    {
        json.WriteStartArray("left_out");
        foreach ((int row, string error) in report.LeftOut)
        {
            json.WriteStartObject();
            json.WriteNumber("row", row);
            json.WriteString("error", error);
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }

    private static void Rows(Utf8JsonWriter json, EvaluationReport report, ReportContext context)
    {
        json.WriteStartArray("rows");
        for (int i = 0; i < report.Rows.Count; i++)
        {
            int row = report.Rows[i];
            ReportRow shown = context.Row(row);
            json.WriteStartObject();
            json.WriteNumber("row", row);
            json.WriteString("origin", shown.Origin);
            Strings(json, "images", shown.Images);
            json.WriteString("prompt", shown.Prompt);
            Strings(json, "references", shown.References);
            json.WriteStartArray("results");
            for (int m = 0; m < report.Models.Count; m++)
            {
                json.WriteStartObject();
                if (report.Models[m].Answers.TryGetValue(row, out AnsweredRow? answer))
                {
                    json.WriteString("answer", answer.Answer);
                    json.WriteNumber("tokens", answer.Tokens);
                    json.WriteString("stop", answer.Stop);
                }

                json.WriteStartObject("scores");
                foreach (Measurement measurement in report.Measurements[m])
                {
                    Number(json, measurement.Metric.Name, measurement.Rows[i].Score);
                }

                json.WriteEndObject();
                json.WriteEndObject();
            }

            json.WriteEndArray();
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }

    private static void Strings(Utf8JsonWriter json, string name, IEnumerable<string> values)
    {
        json.WriteStartArray(name);
        foreach (string value in values)
        {
            json.WriteStringValue(value);
        }

        json.WriteEndArray();
    }

    // JSON has no NaN: a value that does not exist is null.
    private static void Number(Utf8JsonWriter json, string name, double value)
    {
        if (double.IsFinite(value))
        {
            json.WriteNumber(name, value);
        }
        else
        {
            json.WriteNull(name);
        }
    }
}
