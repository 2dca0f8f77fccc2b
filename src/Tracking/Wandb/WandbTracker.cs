using System.Globalization;
using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Json.Nodes;
using Google.Protobuf.WellKnownTypes;
using Lorikeet.Tracking.Wandb.Format;

namespace Lorikeet.Tracking.Wandb;

/// <summary>
/// Writes a run in the format of Weights and Biases' offline mode, for <c>wandb sync</c> to upload later. Nothing is sent, and nothing
/// that isn't in the run file or the events is written. A row of the history is one optimizer step: its figures and, where there was an
/// evaluation, those of the evaluation. A continued run is a directory of its own with the same run id.
/// </summary>
/// <param name="run">The run.</param>
/// <param name="options">Where it belongs.</param>
public sealed class WandbTracker(TrackedRun run, WandbOptions options) : IRunListener, IDisposable
{
    private const string GlobalStep = "train/global_step";
    private static readonly JsonSerializerOptions Json = new();

    private readonly LoggedSteps _steps = new(run.LoggingSteps);
    private readonly SortedDictionary<string, JsonNode> _row = new(StringComparer.Ordinal);
    private readonly SortedDictionary<string, JsonNode> _summary = new(StringComparer.Ordinal);
    private readonly HashSet<string> _metrics = new(StringComparer.Ordinal);
    private readonly List<SampleGenerated> _samples = [];
    private RecordLog? _log;
    private WandbFolder? _folder;
    private long _rowStep = -1;

    /// <summary>The directory of the offline run; null before the run has started.</summary>
    public string? Directory => _folder?.Path;

    /// <inheritdoc/>
    public void On(RunEvent happened)
    {
        switch (happened)
        {
            case RunStarted started:
                Begin(started);
                break;
            case StepTaken step:
                if (_steps.Take(step) is { } shown)
                {
                    Add(step.Step, shown);
                    Memory(step);
                }

                break;
            case SampleGenerated sample:
                _samples.Add(sample);
                break;
            case Evaluated evaluated:
                Add(evaluated.Step, happened);
                Samples(evaluated.Step);
                break;
            case CheckpointSaved:
                // A run that goes on from here begins with the next row.
                WriteRow();
                WriteSummary(happened);
                _log?.Flush();
                break;
            case Noted noted:
                Output(happened, noted.Message);
                break;
            case RunFinished finished:
                // The row of the last step may be written already, and rows must not repeat a step.
                foreach (var (name, value) in TrackedValues.Of(finished))
                {
                    _summary[name] = Number(value);
                }

                End(finished, finished.Interrupted ? 130 : 0);
                break;
            case RunFailed failed:
                Output(happened, failed.Error);
                End(failed, failed.ExitCode);
                break;
            default:
                break;
        }
    }

    /// <summary>Closes the file.</summary>
    public void Dispose()
    {
        _log?.Dispose();
        _log = null;
    }

    private void Begin(RunStarted started)
    {
        Dispose();
        DateTimeOffset now = TimeOf(started);
        _folder = WandbFolder.Create(run.OutputDir, now, started.ResumedFromStep > 0);
        _log = new RecordLog(_folder.Log);
        _log.Write(new Record { Header = new HeaderRecord { VersionInfo = new VersionInfo { Producer = "lorikeet " + started.Lorikeet, MinConsumer = "0.70.0" } } });
        var about = new RunRecord
        {
            RunId = _folder.Id,
            Entity = options.Entity ?? "",
            Project = options.Project,
            RunGroup = options.Group ?? "",
            JobType = options.JobType ?? "",
            DisplayName = options.Name ?? run.Name,
            Notes = options.Notes ?? "",
            Host = run.SafeHost,
            StartingStep = started.ResumedFromStep == 0 ? 0 : started.ResumedFromStep + 1,
            StartTime = now.ToTimestamp(),
            Resumed = started.ResumedFromStep > 0,
            Config = new ConfigRecord(),
        };
        about.Tags.AddRange(options.Tags);
        var config = new JsonObject(run.Config.Select(entry => KeyValuePair.Create(entry.Key, entry.Value?.DeepClone())))
        {
            ["about"] = new JsonObject
            {
                ["family"] = started.Family,
                ["compute"] = started.Compute,
                ["device"] = started.Device,
                ["trainable_parameters"] = started.TrainableParameters,
                ["total_parameters"] = started.TotalParameters,
                ["lorikeet"] = started.Lorikeet,
            },
        };
        about.Config.Update.AddRange(config.Select(entry => new Item { Key = entry.Key, ValueJson = entry.Value?.ToJsonString() ?? "null" }));
        _log.Write(new Record { Run = about });
        _log.Write(new Record { Environment = new EnvironmentRecord { Os = Environment.OSVersion.VersionString, StartedAt = now.ToTimestamp(), Program = "lorikeet train", Host = run.SafeHost } });
        _log.Write(new Record { Metric = new MetricRecord { Name = GlobalStep, Options = new MetricOptions { Defined = true } } });
        _folder.WriteConfig(config);
        _folder.Write("run.yaml", run.RunFile);
        _folder.Write("wandb-metadata.json", new JsonObject
        {
            ["os"] = Environment.OSVersion.VersionString,
            ["startedAt"] = now.UtcDateTime.ToString("O", CultureInfo.InvariantCulture),
            ["program"] = "lorikeet train",
            ["host"] = run.SafeHost,
        });
        Announce("run.yaml", FilesItem.Types.FileType.Other);
        _log.Flush();
    }

    /// <summary>Adds an event's figures to the row of its step; a row is written when the next one begins.</summary>
    private void Add(long step, RunEvent happened)
    {
        if (step != _rowStep)
        {
            WriteRow();
            _rowStep = step;
        }

        _row["_timestamp"] = EventSeconds(happened);
        _row["_runtime"] = happened.ElapsedS;
        _row[GlobalStep] = step;
        foreach (var (name, value) in TrackedValues.Of(happened))
        {
            Define(name);
            _row[name] = Number(value);
        }
    }

    private void WriteRow()
    {
        if (_row.Count == 0 || _log is null)
        {
            return;
        }

        _row["_step"] = _rowStep;
        var history = new HistoryRecord { Step = new HistoryStep { Num = _rowStep } };
        history.Item.AddRange(_row.Select(value => new Item { Key = value.Key, ValueJson = Text(value.Value) }));
        _log.Write(new Record { History = history });
        foreach (var (name, value) in _row)
        {
            _summary[name] = value;
        }

        _row.Clear();
    }

    private void WriteSummary(RunEvent happened)
    {
        var summary = new SummaryRecord();
        _summary["_wandb"] = new JsonObject { ["runtime"] = (long)happened.ElapsedS };
        summary.Update.AddRange(_summary.Select(value => new Item { Key = value.Key, ValueJson = Text(value.Value) }));
        _log?.Write(new Record { Summary = summary });
        _folder?.Write("wandb-summary.json", "{" + string.Join(", ", _summary.Select(value => $"{JsonSerializer.Serialize(value.Key, Json)}: {Text(value.Value)}")) + "}\n");
    }

    // Every figure is drawn over the optimizer step, as the Trainer has it.
    private void Define(string name)
    {
        if (_metrics.Add(name))
        {
            _log?.Write(new Record { Metric = new MetricRecord { Name = name, StepMetric = GlobalStep, Options = new MetricOptions { StepSync = true } } });
        }
    }

    private void Memory(StepTaken step)
    {
        var stats = new StatsRecord { Timestamp = TimeOf(step).ToTimestamp() };
        stats.Item.Add(new StatsItem { Key = "proc.memory.rssMB", ValueJson = (step.Memory.Resident / (double)(1 << 20)).ToString("R", CultureInfo.InvariantCulture) });
        _log?.Write(new Record { Stats = stats });
    }

    /// <summary>The replies of an evaluation as a table of W&amp;B: a file of rows, and its description in the history.</summary>
    private void Samples(long step)
    {
        if (_samples.Count == 0 || _folder is null)
        {
            return;
        }

        var table = new JsonObject
        {
            ["columns"] = new JsonArray("sample", "pictures", "prompt", "reference", "reply"),
            ["data"] = new JsonArray([.. _samples.Select(s => new JsonArray(s.Index, string.Join(", ", s.Images ?? []), s.Prompt, s.Reference, s.Reply))]),
        };
        byte[] bytes = System.Text.Encoding.UTF8.GetBytes(table.ToJsonString());
        string hash = Convert.ToHexStringLower(SHA256.HashData(bytes));
        string name = string.Create(CultureInfo.InvariantCulture, $"media/table/samples_{step}_{hash[..20]}.table.json");
        _folder.Write(name, System.Text.Encoding.UTF8.GetString(bytes));
        Announce(name, FilesItem.Types.FileType.Media);
        _row["samples"] = new JsonObject
        {
            ["_type"] = "table-file",
            ["path"] = name,
            ["sha256"] = hash,
            ["size"] = bytes.Length,
            ["ncols"] = 5,
            ["nrows"] = _samples.Count,
        };
        _samples.Clear();
    }

    private void Announce(string name, FilesItem.Types.FileType type)
    {
        var files = new FilesRecord();
        files.Files.Add(new FilesItem { Path = name, Policy = FilesItem.Types.PolicyType.End, Type = type });
        _log?.Write(new Record { Files = files });
    }

    private void Output(RunEvent happened, string line) => _log?.Write(new Record
    {
        OutputRaw = new OutputRawRecord { OutputType = OutputRawRecord.Types.OutputType.Stderr, Timestamp = TimeOf(happened).ToTimestamp(), Line = line + "\n" },
    });

    private void End(RunEvent happened, int exitCode)
    {
        if (_log is null || _folder is null)
        {
            return;
        }

        WriteRow();
        WriteSummary(happened);
        _log.Write(new Record { Exit = new ExitRecord { ExitCode = exitCode, Runtime = (int)Math.Min(int.MaxValue, happened.ElapsedS) } });
        _log.Flush();
        Dispose();
    }

    // What is no number is written as Python and W&B's own program write it; plain JSON has no word for it.
    private static JsonNode Number(double value) => double.IsFinite(value) ? value : double.IsNaN(value) ? "NaN" : value > 0 ? "Infinity" : "-Infinity";

    private static string Text(JsonNode value) =>
        value is JsonValue word && word.TryGetValue(out string? text) && text is "NaN" or "Infinity" or "-Infinity" ? value.GetValue<string>() : value.ToJsonString();

    private double EventSeconds(RunEvent happened) => (TimeOf(happened) - DateTimeOffset.UnixEpoch).TotalSeconds;

    private DateTimeOffset TimeOf(RunEvent happened) => happened.Time == default ? run.Clock.GetUtcNow() : happened.Time;
}
