using System.Globalization;
using System.Text;
using Google.Protobuf;
using Lorikeet.Tracking.TensorBoard.Format;

namespace Lorikeet.Tracking.TensorBoard;

/// <summary>
/// Writes a run's curves, its run file and its sample replies as TensorBoard event files. Each process that works on a run adds a file
/// to the same directory; the file begins by telling TensorBoard from which step on earlier events no longer count.
/// </summary>
/// <param name="run">The run.</param>
/// <param name="directory">The directory of the event files; null for a new one below <c>OUTPUT_DIR/runs</c>, or the newest there.</param>
public sealed class TensorBoardTracker(TrackedRun run, string? directory = null) : IRunListener, IDisposable
{
    /// <summary>The folder in an output directory that holds a directory of event files.</summary>
    public const string FolderName = "runs";

    private readonly LoggedSteps _steps = new(run.LoggingSteps);
    private EventFile? _file;

    /// <summary>The directory of the event files; null before the run has started.</summary>
    public string? Directory { get; private set; }

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
                    Scalars(shown, step.Step);
                }

                break;
            case Evaluated evaluated:
                Scalars(happened, evaluated.Step);
                _file?.Flush();
                break;
            case SampleGenerated sample:
                Text(happened, sample.Step, string.Create(CultureInfo.InvariantCulture, $"samples/{sample.Index}"), Markdown(sample));
                break;
            case RunFinished finished:
                Scalars(happened, finished.Steps);
                _file?.Flush();
                break;
            default:
                break;
        }
    }

    /// <summary>Closes the file.</summary>
    public void Dispose() => _file?.Dispose();

    private void Begin(RunStarted started)
    {
        _file?.Dispose();
        DateTimeOffset now = TimeOf(started);
        Directory = directory ?? NewestRun() ?? Path.Combine(run.OutputDir, FolderName, string.Create(CultureInfo.InvariantCulture, $"{now:yyyyMMdd-HHmmss}_{run.SafeHost}"));
        System.IO.Directory.CreateDirectory(Directory);
        _file = new EventFile(NewFile(Directory, now), now);
        long first = started.ResumedFromStep == 0 ? 0 : started.ResumedFromStep + 1;
        _file.Write(new Event { WallTime = EventFile.Seconds(now), Step = first, SessionLog = new SessionLog { Status = SessionLog.Types.SessionStatus.Start } });
        if (first == 0)
        {
            Text(started, 0, "run_file", "```yaml\n" + run.RunFile + "```");
        }
    }

    private void Scalars(RunEvent happened, long step)
    {
        var summary = new Summary();
        summary.Value.AddRange(TrackedValues.Of(happened).Select(value => new Summary.Types.Value { Tag = value.Name, SimpleValue = (float)value.Value }));
        _file?.Write(new Event { WallTime = EventFile.Seconds(TimeOf(happened)), Step = step, Summary = summary });
    }

    private void Text(RunEvent happened, long step, string tag, string markdown)
    {
        var value = new Summary.Types.Value
        {
            Tag = tag + "/text_summary",
            Metadata = new SummaryMetadata { PluginData = new SummaryMetadata.Types.PluginData { PluginName = "text" } },
            Tensor = new Tensor { Dtype = Tensor.Types.DataType.DtString, TensorShape = new TensorShape() },
        };
        value.Tensor.TensorShape.Dim.Add(new TensorShape.Types.Dim { Size = 1 });
        value.Tensor.StringVal.Add(ByteString.CopyFromUtf8(markdown));
        var summary = new Summary();
        summary.Value.Add(value);
        _file?.Write(new Event { WallTime = EventFile.Seconds(TimeOf(happened)), Step = step, Summary = summary });
    }

    private DateTimeOffset TimeOf(RunEvent happened) => happened.Time == default ? run.Clock.GetUtcNow() : happened.Time;

    private string? NewestRun()
    {
        string folder = Path.Combine(run.OutputDir, FolderName);
        return System.IO.Directory.Exists(folder) ? System.IO.Directory.EnumerateDirectories(folder).Max(StringComparer.Ordinal) : null;
    }

    // TensorBoard reads the files of a directory in the order of their names: a new one must come last, whatever the clock says.
    private string NewFile(string folder, DateTimeOffset now)
    {
        const string Prefix = "events.out.tfevents.";
        long time = now.ToUnixTimeSeconds();
        foreach (string file in System.IO.Directory.EnumerateFiles(folder, Prefix + "*"))
        {
            string digits = Path.GetFileName(file)[Prefix.Length..].Split('.')[0];
            if (long.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out long earlier))
            {
                time = Math.Max(time, earlier + 1);
            }
        }

        return Path.Combine(folder, string.Create(CultureInfo.InvariantCulture, $"{Prefix}{time:D10}.{run.SafeHost}"));
    }

    private static string Markdown(SampleGenerated sample)
    {
        var text = new StringBuilder();
        if (sample.Images is { Count: > 0 } images)
        {
            text.Append("**picture**: ").AppendJoin(", ", images).Append("\n\n");
        }

        return text.Append("**prompt**\n\n").Append(Quoted(sample.Prompt))
            .Append("\n\n**reference**\n\n").Append(Quoted(sample.Reference))
            .Append("\n\n**reply**\n\n").Append(Quoted(sample.Reply)).ToString();
    }

    // Indented by four it is shown as it stands, whatever signs are in it.
    private static string Quoted(string text) => string.Join('\n', text.ReplaceLineEndings("\n").Split('\n').Select(line => "    " + line));
}
