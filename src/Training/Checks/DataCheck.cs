using Lorikeet.Data;
using Lorikeet.Models;
using Lorikeet.Training.Batching;
using Lorikeet.Training.Config;

namespace Lorikeet.Training.Checks;

/// <summary>How data is checked.</summary>
public sealed record CheckOptions
{
    /// <summary>How far pictures are read: <see cref="PictureReading.Header"/> is fast, <see cref="PictureReading.Decode"/> finds all damage.</summary>
    public PictureReading Pictures { get; init; } = PictureReading.Decode;

    /// <summary>Threads that read and decode.</summary>
    public int Workers { get; init; } = 1;

    /// <summary>Findings of each kind that the report lists; all are counted.</summary>
    public int Listed { get; init; } = 1000;
}

/// <summary>How far a check has come.</summary>
/// <param name="Part"><c>train</c> or <c>eval</c>.</param>
/// <param name="Done">Rows of the part that are done.</param>
/// <param name="Total">Rows of the part.</param>
public readonly record struct CheckProgress(string Part, long Done, long Total);

/// <summary>
/// Looks at every row of a run's training and evaluation data, in one pass, and goes on at whatever is wrong. Results come in the order
/// of the rows and do not depend on the number of threads. Of each row only a hash, a length and findings are kept.
/// </summary>
/// <param name="config">The run file.</param>
/// <param name="processor">The model's processor.</param>
/// <param name="options">How to check.</param>
public sealed class DataCheck(RunConfig config, Processor processor, CheckOptions options)
{
    private const int RowsAheadPerWorker = 8;
    private readonly Dictionary<UInt128, long> _trained = [];
    private readonly List<PartReport> _parts = [];
    private SampleLoader? _train;

    /// <summary>Checks.</summary>
    /// <param name="found">Hears of every finding, in the order of the rows.</param>
    /// <param name="progress">Hears of every row that is done.</param>
    /// <param name="cancellation">Ends the check early; the report then says so.</param>
    /// <exception cref="InvalidDataException">A file changed while it was read.</exception>
    public CheckReport Run(Action<Finding>? found, Action<CheckProgress>? progress, CancellationToken cancellation)
    {
        var findings = new FindingList(options.Listed, found);
        bool isComplete = true;
        List<string> notes = [];
        try
        {
            RunConfig usable = UsableSources.Of(config, processor, findings, cancellation);
            using var data = new RunData(usable, processor);
            _train = usable.Data.Train is null ? null : TryOpen("data.train", () => data.OpenTrainingSamples(cancellation), findings);
            SampleLoader? evaluation = TryOpen("data.eval", data.OpenEvaluation, findings);
            notes.AddRange(data.Notes);
            Check("train", _train, _trained, findings, progress, cancellation);
            Check("eval", evaluation, [], findings, progress, cancellation);
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            isComplete = false;
        }

        return new CheckReport { IsComplete = isComplete, Parts = _parts, Kinds = findings.Report(), Notes = notes, BadRows = findings.BadRows };
    }

    private static SampleLoader? TryOpen(string key, Func<SampleLoader?> open, FindingList findings)
    {
        try
        {
            return open();
        }
        catch (InvalidDataException e)
        {
            findings.Add([Finding.Of(FindingKind.UnusableFile, key, e.Message)]);
            return null;
        }
    }

    private void Check(string name, SampleLoader? loader, Dictionary<UInt128, long> seen, FindingList findings, Action<CheckProgress>? progress, CancellationToken cancellation)
    {
        if (loader is null)
        {
            return;
        }

        var figures = new PartFigures();
        try
        {
            SampleCheck check = loader.Checker(hashesPictures: true);
            using var rows = new Prefetcher<RowFacts>(
                0, loader.Count, (index, _) => Facts(check, index), options.Workers * RowsAheadPerWorker, options.Workers);
            for (long index = 0; rows.TryTake(out RowFacts facts, cancellation); index++)
            {
                cancellation.ThrowIfCancellationRequested();
                figures.Add(facts);
                findings.Add([.. facts.Findings, .. Repetitions(name, loader, seen, index, facts)]);
                progress?.Invoke(new CheckProgress(name, index + 1, loader.Count));
            }
        }
        finally
        {
            _parts.Add(figures.Report(name, loader.Path, config.Data.MaxLength));
        }
    }

    private RowFacts Facts(SampleCheck check, long index)
    {
        SampleVerdict verdict = check.Judge(index, options.Pictures);
        UInt128? content = verdict.Sample is { } sample && verdict.Pictures.Count == sample.Images.Count && verdict.Videos.Count == sample.Videos.Count
            ? SampleContent.Hash(sample, [.. verdict.Pictures.Select(p => p.Content), .. verdict.Videos.Select(v => v.Content)])
            : null;
        return new RowFacts(verdict.Origin, verdict.Findings, content, verdict.Encoded is { } encoded ? SampleCost.Of(encoded) : null);
    }

    /// <summary>Whether the sample was there before. A row that is drawn from twice, by slices or weights, is no repetition.</summary>
    private IEnumerable<Finding> Repetitions(string name, SampleLoader loader, Dictionary<UInt128, long> seen, long index, RowFacts facts)
    {
        if (facts.Content is not { } content)
        {
            yield break;
        }

        if (!seen.TryAdd(content, index) && loader.Describe(seen[content]) is var first && first != facts.Origin)
        {
            yield return new Finding(FindingKind.Duplicate, facts.Origin, $"the same conversation with the same pictures stands in {first} already. Remove one of them.");
        }

        if (name == "eval" && _trained.TryGetValue(content, out long trained))
        {
            yield return new Finding(FindingKind.Leak, facts.Origin, $"this evaluation sample is also trained on: it is the same as {_train!.Describe(trained)}. Remove it from one of the two.");
        }
    }
}
