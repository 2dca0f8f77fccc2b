using System.Globalization;
using System.Security.Cryptography;
using System.Text.Json;
using Lorikeet.Adapters;
using Lorikeet.Cli.Terminal;
using Lorikeet.Data;
using Lorikeet.Evaluation;
using Lorikeet.Models;
using Lorikeet.Text.Chat;
using Lorikeet.Tensors;
using Lorikeet.Training;

namespace Lorikeet.Cli.Evaluate;

/// <summary>Runs an evaluation: answers and losses of one or two models, then the report.</summary>
internal sealed class EvalRun(CliHost host, EvalPlan plan, Dataset dataset, UsedFolder used)
{
    private readonly int _count = checked((int)Math.Min(dataset.Count, plan.MaxSamples ?? long.MaxValue));

    public const string JsonName = "report.json";
    public const string HtmlName = "report.html";

    /// <summary>Evaluates as asked.</summary>
    public static int Run(CliHost host, EvalRequest request)
    {
        EvalPlan plan = EvalPlan.Make(host, request);
        using Dataset dataset = plan.OpenData(host.Stop.Token);
        foreach (string note in dataset.Notes)
        {
            host.Messages.WriteLine($"note: {note}");
        }

        return new EvalRun(host, plan, dataset, request.Used).Run();
    }

    private int Run()
    {
        host.Stop.Announcement = "stopping; what is answered is kept. Ctrl-C again quits at once";
        try
        {
            IReadOnlyList<string>[] references = [.. References()];
            EvaluatedModel[] models = [.. plan.Subjects.Select(Evaluate)];
            EvaluationReport report = EvaluationReport.Build(models, plan.Metrics, references, plan.Bootstrap, host.Stop.Token);
            Write(report);
            Close(report);
            return ExitCodes.Done;
        }
        catch (OperationCanceledException) when (host.Stop.Token.IsCancellationRequested)
        {
            host.Messages.WriteLine($"interrupted; what is done is kept in {plan.Output}. Go on with the same command and --resume.");
            return ExitCodes.Interrupted;
        }
    }

    /// <summary>Right answers of all rows, read before the model works on them; a bad row has none.</summary>
    private IEnumerable<IReadOnlyList<string>> References()
    {
        for (long row = 0; row < _count; row++)
        {
            IReadOnlyList<string> references;
            try
            {
                references = EvaluationRows.ReferencesOf(dataset.Read(row));
            }
            catch (InvalidDataException) when (plan.Settings.SkipBadRows)
            {
                references = []; // the model's run records the row with its reason
            }

            yield return references;
        }
    }

    private EvaluatedModel Evaluate(EvalSubject subject)
    {
        using var session = new ComputeSession(host, plan.Device, plan.Compute);
        string who = plan.Subjects.Count > 1 ? subject.Name + ": " : "";
        (LoadedModel loaded, _) = ModelOpener.Open(host, session, subject.Model, subject.Adapter);
        using (loaded)
        {
            IReadOnlyDictionary<string, string> identity = Identity(loaded, subject, session);
            EvaluationFolder.Prepare(subject.Folder, identity, used);
            var rows = new EvaluationRows(dataset, _count, loaded.Processor, plan.Encode);
            var evaluation = new ModelEvaluation(loaded, session.Parameters, plan.Compute, rows, plan.Settings);
            var result = new EvaluatedModel { Name = subject.Name, Model = subject.Model, Adapter = subject.Adapter, Identity = identity };
            long began = host.Clock.GetTimestamp();
            if (plan.Metrics.Any(m => m.NeedsAnswers))
            {
                result = Answer(evaluation, rows, subject, result, who);
            }

            if (plan.Metrics.Any(m => m.NeedsLoss))
            {
                using RowLog<LossRow> log = RowLog<LossRow>.Open(Path.Combine(subject.Folder, EvaluationFolder.LossesName), rows.Count, Note);
                evaluation.Losses(log, new EvalProgressLine(host, who + "loss").On, host.Stop.Token);
                result = result with { Losses = log.Rows };
            }

            return result with { Seconds = host.Clock.GetElapsedTime(began).TotalSeconds };
        }
    }

    private EvaluatedModel Answer(ModelEvaluation evaluation, EvaluationRows rows, EvalSubject subject, EvaluatedModel result, string who)
    {
        using RowLog<AnsweredRow> log = RowLog<AnsweredRow>.Open(Path.Combine(subject.Folder, EvaluationFolder.AnswersName), rows.Count, Note);
        if (log.Rows.Count > 0)
        {
            Note(string.Create(CultureInfo.InvariantCulture, $"{who}{log.Rows.Count} of {rows.Count} rows are answered already"));
        }

        var line = new EvalProgressLine(host, who + "answering");
        long tokens = 0, began = host.Clock.GetTimestamp();
        evaluation.Answer(
            log,
            row => EvaluationRows.ReferencesOf(dataset.Read(row)),
            progress =>
            {
                tokens = progress.Tokens;
                line.On(progress);
            },
            host.Stop.Token);
        return result with { Answers = log.Rows, NewTokens = tokens, GenerationSeconds = host.Clock.GetElapsedTime(began).TotalSeconds };
    }

    /// <summary>What the answers depend on. Where files lie does not matter.</summary>
    private Dictionary<string, string> Identity(LoadedModel loaded, EvalSubject subject, ComputeSession session)
    {
        string? adapter = subject.Adapter, checkpoint = FullCheckpoint.TensorsOf(subject.Model);
        BaseIdentity model = BaseIdentity.Of(loaded);
        var sampling = plan.Settings.Sampling;
        return new Dictionary<string, string>(StringComparer.Ordinal)
        {
            ["data"] = dataset.Fingerprint,
            ["rows"] = _count.ToString(CultureInfo.InvariantCulture),
            ["model"] = $"{model.ModelType} config {model.ConfigSha256[..16]} weights {model.WeightsSha256[..16]}{(checkpoint is null ? "" : " trained " + HashOf(checkpoint))}",
            ["processor"] = $"{model.ProcessorSha256[..16]} template {model.TemplateSha256[..16]}",
            ["adapter"] = adapter is null ? "none" : $"{HashOf(Path.Combine(adapter, AdapterFile.WeightsName))} config {HashOf(Path.Combine(adapter, AdapterFile.ConfigName))}",
            ["pictures"] = plan.Encode.Images.ToString(),
            ["loss"] = plan.Encode.Loss.ToString(),
            ["generation"] = string.Create(
                CultureInfo.InvariantCulture,
                $"max_new_tokens={sampling.MaxNewTokens} temperature={sampling.Temperature} top_k={sampling.TopK} top_p={sampling.TopP} min_p={sampling.MinP} typical_p={sampling.TypicalP} repetition_penalty={sampling.RepetitionPenalty} stop={JsonSerializer.Serialize(sampling.StopStrings)}{(sampling.IsGreedy ? "" : $" seed={sampling.Seed}")}"),
            ["compute"] = (plan.Compute == Compute.BF16 ? "bfloat16" : "float32") + (session.Gpu is null ? "" : " on a GPU"),
        };
    }

    private static string HashOf(string path)
    {
        using FileStream file = File.OpenRead(path);
        return Convert.ToHexStringLower(SHA256.HashData(file))[..16];
    }

    private void Write(EvaluationReport report)
    {
        var context = new ReportContext
        {
            Version = ExitCodes.Version,
            Created = host.Clock.GetUtcNow(),
            Data = dataset.Path,
            Settings = [.. Settings(report)],
            Row = row => RowOf(dataset.Read(row)),
        };
        Directory.CreateDirectory(plan.Output);
        ReportJson.Write(Path.Combine(plan.Output, JsonName), report, context);
        new EvalPage(report, context, row => dataset.Read(row).Images, plan.Encode.Images.ApplyExif).Save(Path.Combine(plan.Output, HtmlName));
    }

    private IEnumerable<(string Name, string Value)> Settings(EvaluationReport report)
    {
        var sampling = plan.Settings.Sampling;
        yield return ("data", dataset.Path);
        yield return ("format", dataset.FormatName);
        yield return ("rows", string.Create(CultureInfo.InvariantCulture, $"{_count} of {dataset.RowCount}"));
        foreach (EvaluatedModel model in report.Models)
        {
            yield return ($"model ({model.Name})", model.Adapter is null ? model.Model : $"{model.Model} with adapter {model.Adapter}");
        }

        yield return ("max_new_tokens", sampling.MaxNewTokens.ToString(CultureInfo.InvariantCulture));
        yield return ("temperature", sampling.IsGreedy ? "0 (greedy)" : sampling.Temperature.ToString(CultureInfo.InvariantCulture));
        yield return ("seed", sampling.Seed.ToString(CultureInfo.InvariantCulture));
        yield return ("per_device_eval_batch_size", plan.Settings.BatchSize.ToString(CultureInfo.InvariantCulture));
        yield return ("compute", plan.Compute == Compute.BF16 ? "bfloat16" : "float32");
        yield return ("metrics", string.Join(", ", report.Metrics.Select(m => m.Name)));
    }

    private static ReportRow RowOf(Sample sample)
    {
        IReadOnlyList<ChatMessage> prompt = EvaluationRows.PromptOf(sample);
        string text = prompt.Count == 1 ? prompt[0].AllText : string.Join("\n\n", prompt.Select(m => $"{m.Role}: {m.AllText}"));
        return new ReportRow(sample.Origin, text, EvaluationRows.ReferencesOf(sample), [.. sample.Images.Select(i => i.FilePath is { } path ? Path.GetFileName(path) : "embedded picture"), .. sample.Videos.Select(video => video.Title)]);
    }

    private void Close(EvaluationReport report)
    {
        for (int m = 0; m < report.Metrics.Count; m++)
        {
            IMetric metric = report.Metrics[m];
            host.Result.WriteLine(report.Models.Count == 1
                ? $"{metric.Name}: {MetricText.Value(metric, report.Measurements[0][m].Value)}"
                : report.Sentence(m));
        }

        foreach (string note in report.Notes)
        {
            Note(note);
        }

        EvaluatedModel last = report.Models[^1];
        if (last.NewTokens > 0)
        {
            host.Messages.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"{report.Rows.Count} rows in {Words.Duration(TimeSpan.FromSeconds(report.Models.Sum(m => m.Seconds)))}, {last.NewTokens / last.GenerationSeconds:0.0} answer tokens/s"));
        }

        host.Result.WriteLine($"report: {Path.Combine(plan.Output, HtmlName)}");
    }

    private void Note(string note) => host.Messages.WriteLine($"note: {note}");
}
