namespace Lorikeet.Tracking;

/// <summary>The events of a run, read back.</summary>
/// <param name="Events">
/// In the order they happened. Where a run was resumed from an earlier step, the steps after it that no longer count are left out. An
/// evaluation that came again, with its replies, counts once: a run that owed one may have died between telling it and saving that it did.
/// </param>
/// <param name="Complaints">Lines that could not be read, each with its place.</param>
public sealed record RunHistory(IReadOnlyList<RunEvent> Events, IReadOnlyList<string> Complaints)
{
    /// <summary>Longest line in bytes that is read.</summary>
    public const int MaxLine = 1 << 20;

    /// <summary>Reads an event file, also while a run is writing it.</summary>
    /// <exception cref="FileNotFoundException">There is no such file.</exception>
    public static RunHistory Read(string path)
    {
        var events = new List<RunEvent>();
        var complaints = new List<string>();
        using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        int number = 0;
        long resumedFrom = 0;
        foreach (var (line, isWhole) in Lines(file))
        {
            number++;
            if (line.Length == 0)
            {
                continue;
            }

            try
            {
                if (!isWhole)
                {
                    throw new InvalidDataException(line.Length == MaxLine
                        ? FormattableString.Invariant($"longer than {MaxLine} bytes") : "not complete; the run may be writing it, or has died in it");
                }

                if (RunEventJson.Read(line) is { } happened)
                {
                    Add(events, happened, ref resumedFrom);
                }
            }
            catch (InvalidDataException bad)
            {
                complaints.Add(FormattableString.Invariant($"{path}:{number}: {bad.Message}"));
            }
        }

        return new RunHistory(events, complaints);
    }

    private static void Add(List<RunEvent> events, RunEvent happened, ref long resumedFrom)
    {
        if (happened is RunStarted started)
        {
            resumedFrom = started.ResumedFromStep;
            events.RemoveAll(earlier => StepOf(earlier) > started.ResumedFromStep);
        }
        else if (happened is Evaluated evaluated && evaluated.Step == resumedFrom)
        {
            events.RemoveAll(earlier => earlier is Evaluated before && before.Step == evaluated.Step);
        }
        else if (happened is SampleGenerated sample && sample.Step == resumedFrom)
        {
            events.RemoveAll(earlier => earlier is SampleGenerated before && before.Step == sample.Step && before.Index == sample.Index);
        }

        events.Add(happened);
    }

    private static long StepOf(RunEvent happened) => happened switch
    {
        StepTaken step => step.Step,
        Evaluated evaluation => evaluation.Step,
        SampleGenerated sample => sample.Step,
        EarlyStopped stop => stop.Step + 1, // It comes after the checkpoint of its step, and comes again.
        CheckpointSaved checkpoint => checkpoint.Step,
        _ => 0,
    };

    private static IEnumerable<(byte[] Line, bool IsWhole)> Lines(Stream file)
    {
        var line = new MemoryStream();
        byte[] block = new byte[1 << 16];
        bool tooLong = false;
        for (int read; (read = file.Read(block)) > 0;)
        {
            for (int start = 0; start < read;)
            {
                int end = Array.IndexOf(block, (byte)'\n', start, read - start);
                int stop = end < 0 ? read : end;
                int room = MaxLine - (int)line.Length;
                tooLong |= stop - start > room;
                line.Write(block, start, Math.Min(stop - start, room));
                if (end >= 0)
                {
                    yield return (line.ToArray(), !tooLong);
                    line.SetLength(0);
                    tooLong = false;
                }

                start = stop + 1;
            }
        }

        if (line.Length > 0)
        {
            yield return (line.ToArray(), false);
        }
    }
}
