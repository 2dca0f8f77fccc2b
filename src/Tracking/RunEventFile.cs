namespace Lorikeet.Tracking;

/// <summary>
/// Writes events to a file, one line of JSON each. A line goes out in a single write and is handed to the operating system at once, so
/// that readers see whole lines and a crash loses none; what ends a phase is forced to disk.
/// </summary>
public sealed class RunEventFile : IRunListener, IDisposable
{
    /// <summary>The file's name inside an output directory.</summary>
    public const string Name = "events.jsonl";

    private readonly FileStream _file;
    private readonly TimeProvider _clock;
    private readonly long _loggingSteps;

    /// <summary>Opens the file, or makes it; events are added to those that are there.</summary>
    /// <param name="path">The file.</param>
    /// <param name="loggingSteps">Of the step events, every so many are written, and the first and the last one.</param>
    /// <param name="clock">Where the time of an event comes from that has none.</param>
    public RunEventFile(string path, long loggingSteps, TimeProvider clock)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(loggingSteps, 1);
        _clock = clock;
        _loggingSteps = loggingSteps;
        _file = new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.Read, bufferSize: 0);
        EndTornLine();
    }

    /// <inheritdoc/>
    public void On(RunEvent happened)
    {
        if (happened is Progressed || (happened is StepTaken step && !TrackedRun.IsLogged(step, _loggingSteps)))
        {
            return;
        }

        byte[] json = RunEventJson.Write(happened.Time == default ? happened with { Time = _clock.GetUtcNow() } : happened);
        byte[] line = [.. json, (byte)'\n'];
        Append(line);
        if (happened is not (StepTaken or Noted or SampleGenerated))
        {
            _file.Flush(flushToDisk: true);
        }
    }

    /// <summary>Closes the file.</summary>
    public void Dispose() => _file.Dispose();

    // A full disk may take half of a line: it goes again, so that the file ends with a whole one.
    private void Append(byte[] line)
    {
        long end = _file.Length;
        try
        {
            _file.Write(line);
        }
        catch (Exception full) when (full is IOException or ArgumentOutOfRangeException)
        {
            _file.SetLength(end);
            _file.Seek(end, SeekOrigin.Begin);
            throw new IOException($"{_file.Name}: an event cannot be written: {full.Message}", full);
        }
    }

    // A process that died while writing may have left half a line: it gets a line of its own, which readers report and pass over.
    private void EndTornLine()
    {
        if (_file.Length > 0)
        {
            _file.Seek(-1, SeekOrigin.End);
            if (_file.ReadByte() != '\n')
            {
                _file.WriteByte((byte)'\n');
            }
        }

        _file.Seek(0, SeekOrigin.End);
    }
}
