using System.CommandLine;
using System.Globalization;
using System.Text;
using System.Text.Json;
using Lorikeet.Cli.Hub;
using Lorikeet.Cli.DataReports;
using Lorikeet.Cli.Terminal;
using Lorikeet.Models;
using Lorikeet.Nn.Weights;
using Lorikeet.Training.Checks;
using Lorikeet.Training.Config;

namespace Lorikeet.Cli.Commands;

/// <summary>data: what a run's samples are like, before anything is trained. No weights are loaded.</summary>
internal static class DataCommand
{
    private const int BytesBetweenFlushes = 1 << 16;

    /// <summary>The verb.</summary>
    public static Verb Create(CliHost host) => new(new Command("data", "Check a run's samples, or look at them as the model will see them") { Check(host), Preview(host) }, TakesSettings: true);

    private static Command Check(CliHost host)
    {
        Argument<string> file = RunFileArgument.Create();
        var fast = new Option<bool>("--fast") { Description = "Read only the headers of pictures; damage behind them is not found" };
        var examples = new Option<int>("--examples") { HelpName = "N", Description = "Findings shown of each kind", DefaultValueFactory = _ => 10 };
        var asJson = new Option<bool>("--json") { Description = "Print the result as one line of JSON, with the first 1000 findings of each kind" };
        var output = new Option<string?>("--output") { HelpName = "FILE", Description = "Write the result with all findings to this JSON file" };
        var threads = new Option<int>("--threads") { HelpName = "N", Description = "Threads that read and decode; 0 means one per processor" };
        var command = new Command("check", "Find every bad row of the training and evaluation data in one pass; exit code 2 if there is one") { file, fast, examples, asJson, output, threads };
        command.SetAction(parsed =>
        {
            RunConfig config = HubData.Located(host, RunFileArgument.Load(host, parsed.GetValue(file)!));
            int workers = parsed.GetValue(threads);
            var options = new CheckOptions
            {
                Pictures = parsed.GetValue(fast) ? PictureReading.Header : PictureReading.Decode,
                Workers = workers > 0 ? workers : Environment.ProcessorCount,
            };
            return Check(host, new DataCheck(config, ProcessorOf(host, config), options), parsed.GetValue(output), parsed.GetValue(asJson) ? null : parsed.GetValue(examples));
        });
        return command;
    }

    private static int Check(CliHost host, DataCheck check, string? output, int? examples)
    {
        var progress = new RowProgress(host);
        CheckReport? report = null;
        void Show(CheckProgress now) => progress.Report($"checking {now.Part}", now.Done, now.Total);
        try
        {
            if (output is null)
            {
                report = check.Run(null, Show, host.Stop.Token);
            }
            else
            {
                AtomicFile.Write(output, stream => report = WriteAll(check, stream, Show, host.Stop.Token));
            }
        }
        catch (OperationCanceledException) when (report is not null)
        {
            // What was found until then is still told; the file is not written.
            output = null;
        }
        finally
        {
            progress.Erase();
        }

        Tell(host, report!, output, examples);
        return !report!.IsComplete ? ExitCodes.Interrupted : report.Errors > 0 ? ExitCodes.Input : ExitCodes.Done;

        CheckReport WriteAll(DataCheck data, Stream stream, Action<CheckProgress> show, CancellationToken stop)
        {
            using var json = new Utf8JsonWriter(stream, new JsonWriterOptions { Indented = true });
            json.WriteStartObject();
            json.WriteStartArray("findings");
            report = data.Run(
                finding =>
                {
                    CheckJson.Write(json, finding);
                    if (json.BytesPending > BytesBetweenFlushes)
                    {
                        json.Flush();
                    }
                },
                show,
                stop);
            if (!report.IsComplete)
            {
                throw new OperationCanceledException(stop);
            }

            json.WriteEndArray();
            CheckJson.WriteSummary(json, report);
            json.WriteEndObject();
            return report;
        }
    }

    private static void Tell(CliHost host, CheckReport report, string? output, int? examples)
    {
        foreach (string note in report.Notes)
        {
            host.Messages.WriteLine($"note: {note}");
        }

        if (examples is { } shown)
        {
            new CheckText(host.ResultConsole, shown).Write(report, output);
            return;
        }

        using var line = new MemoryStream();
        using (var json = new Utf8JsonWriter(line))
        {
            json.WriteStartObject();
            CheckJson.WriteSummary(json, report);
            json.WriteStartArray("findings");
            foreach (Finding finding in report.Kinds.SelectMany(k => k.Listed))
            {
                CheckJson.Write(json, finding);
            }

            json.WriteEndArray();
            json.WriteEndObject();
        }

        host.Result.WriteLine(Encoding.UTF8.GetString(line.ToArray()));
    }

    private static Command Preview(CliHost host)
    {
        Argument<string> file = RunFileArgument.Create();
        var samples = new Option<int>("--samples") { HelpName = "N", Description = "How many samples, drawn at random", DefaultValueFactory = _ => 3 };
        var rows = new Option<string?>("--rows") { HelpName = "5,17", Description = "These rows instead, counted from 1 in the data that the run uses" };
        var split = new Option<string>("--split") { HelpName = "train|eval", Description = "The training or the evaluation data", DefaultValueFactory = _ => "train" };
        var seed = new Option<ulong?>("--seed") { HelpName = "N", Description = "Decides which samples are drawn; by default train.seed" };
        var epoch = new Option<int>("--epoch") { HelpName = "N", Description = "As this epoch has them, counted from 1; matters with data.augment", DefaultValueFactory = _ => 1 };
        var html = new Option<string?>("--html") { HelpName = "FILE", Description = "Write a page with the pictures and all token ids as well" };
        var command = new Command("preview", "Show samples as the model will see them: text, image tokens, resolutions, and which tokens carry loss") { file, samples, rows, split, seed, epoch, html };
        command.SetAction(parsed =>
        {
            RunConfig config = HubData.Located(host, RunFileArgument.Load(host, parsed.GetValue(file)!));
            bool isEvaluation = parsed.GetValue(split) switch
            {
                "train" => false,
                "eval" => true,
                string other => throw new InvalidDataException($"--split: expected train or eval, found '{other}'"),
                null => false,
            };
            using DataPreview preview = DataPreview.Open(config, ProcessorOf(host, config), isEvaluation);
            foreach (string note in preview.Notes)
            {
                host.Messages.WriteLine($"note: {note}");
            }

            IReadOnlyList<long> chosen = parsed.GetValue(rows) is { } list
                ? RowsOf(list, preview)
                : preview.Choose(CountOf(parsed.GetValue(samples)), parsed.GetValue(seed) ?? (ulong)config.Train.Seed);
            int shown = parsed.GetValue(epoch);
            return shown >= 1
                ? Preview(host, preview, [.. chosen.Select(row => (row, shown - 1))], parsed.GetValue(html))
                : throw new InvalidDataException(FormattableString.Invariant($"--epoch: expected 1 or more, found {shown}"));
        });
        return command;
    }

    private static int Preview(CliHost host, DataPreview preview, IReadOnlyList<(long Row, int Epoch)> chosen, string? html)
    {
        var text = new PreviewText(host.ResultConsole);
        text.WriteLegend();
        var views = new List<SampleView>();
        foreach ((long row, int epoch) in chosen)
        {
            host.Stop.Token.ThrowIfCancellationRequested();
            SampleView view = preview.View(row, epoch);
            text.Write(view);
            views.Add(view);
        }

        if (html is not null)
        {
            PreviewPage.Make(string.Create(CultureInfo.InvariantCulture, $"{views.Count} of {preview.Count} samples of {preview.Path}"), views).Save(html);
            host.Result.WriteLine($"page: {html}");
        }

        return views.Any(v => v.Problem is not null) ? ExitCodes.Input : ExitCodes.Done;
    }

    /// <summary>The processor alone: its files are small, the weights are not.</summary>
    private static Processor ProcessorOf(CliHost host, RunConfig config) => ModelCatalog.LoadProcessor(ModelOpener.OfRun(host, config));

    private static int CountOf(int samples)
    {
        const int Most = 200;
        return samples is >= 1 and <= Most ? samples : throw new InvalidDataException(FormattableString.Invariant($"--samples: expected 1 to {Most}, found {samples}"));
    }

    private static List<long> RowsOf(string list, DataPreview preview)
    {
        var rows = new List<long>();
        foreach (string item in list.Split(',', StringSplitOptions.TrimEntries))
        {
            if (!long.TryParse(item, NumberStyles.None, CultureInfo.InvariantCulture, out long row) || row < 1 || row > preview.Count)
            {
                throw new InvalidDataException(FormattableString.Invariant($"--rows: expected numbers from 1 to {preview.Count} ({preview.Path}), found '{item}'"));
            }

            rows.Add(row - 1);
        }

        _ = CountOf(rows.Count);
        return rows;
    }
}
