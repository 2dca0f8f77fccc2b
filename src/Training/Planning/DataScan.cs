using System.Globalization;
using Lorikeet.Data;
using Lorikeet.Imaging;
using Lorikeet.Models;
using Lorikeet.Training.Batching;

namespace Lorikeet.Training.Planning;

/// <summary>What the samples of a data set cost, from their text and the headers of their pictures.</summary>
internal sealed class DataScan
{
    private const int Remeasured = 500, LooksAhead = 64, Workers = 4;

    private readonly SampleLoader _loader;
    private readonly SampleCost[] _costs;
    private readonly long _stride;

    private DataScan(SampleLoader loader, SampleCost[] costs, long stride)
    {
        _loader = loader;
        _costs = costs;
        _stride = stride;
    }

    /// <summary>Rows of the data set.</summary>
    public long Rows => _loader.Count;

    /// <summary>Rows that were looked at.</summary>
    public int Looked => _costs.Length;

    /// <summary>Tokens of each row; 0 for those that can't be used. A row that was not looked at is taken to be like the one before it that was.</summary>
    public IReadOnlyList<int> Lengths
    {
        get
        {
            int[] lengths = new int[Rows];
            for (long row = 0; row < lengths.Length; row++)
            {
                lengths[row] = Cost(row).Tokens;
            }

            return lengths;
        }
    }

    /// <summary>Whether every row was looked at, so that every batch of the run is known.</summary>
    public bool IsComplete => _stride == 1;

    /// <summary>Bytes of the largest picture while it is decoded and resized: four channels, twice.</summary>
    public long DecodeBytes { get; private set; }

    /// <summary>Rows at which a run would stop, and the first one's message.</summary>
    public (int Count, string? First) Refused { get; private set; }

    /// <summary>Rows that a run would leave out, as its run file says, and why the first one.</summary>
    public (int Count, string? First) LeftOut { get; private set; }

    /// <summary>Looks at the rows, or at evenly spaced ones.</summary>
    /// <param name="loader">The rows.</param>
    /// <param name="environment">How many.</param>
    /// <param name="cancellation">Gives up.</param>
    public static DataScan Of(SampleLoader loader, PlanEnvironment environment, CancellationToken cancellation)
    {
        long stride = environment.MaxRows is { } most && loader.Count > most ? (loader.Count + most - 1) / Math.Max(1, most) : 1;
        var scan = new DataScan(loader, new SampleCost[checked((int)((loader.Count + stride - 1) / stride))], stride);
        using var looks = new Prefetcher<Look>(0, scan._costs.Length, (i, _) => LookAt(loader, i * stride), LooksAhead, Workers);
        for (int i = 0; looks.TryTake(out Look look, cancellation); i++)
        {
            scan.Take(i, look);
            environment.Progress?.Invoke(i + 1, scan._costs.Length);
        }

        scan.RequireAny();
        return scan;
    }

    /// <summary>The same rows encoded in another way: the costliest are measured anew, the others keep what they cost before.</summary>
    /// <param name="loader">The rows, encoded in the other way.</param>
    /// <param name="cancellation">Gives up.</param>
    public DataScan Again(SampleLoader loader, CancellationToken cancellation)
    {
        var again = new DataScan(loader, [.. _costs], _stride) { DecodeBytes = DecodeBytes, Refused = Refused, LeftOut = LeftOut };
        IEnumerable<long> rows = Costliest(c => c.Tokens).Take(Remeasured).Concat(Costliest(c => c.Patches).Take(Remeasured)).Select(c => c.Row).Distinct();
        foreach (long row in rows)
        {
            cancellation.ThrowIfCancellationRequested();
            again.Take((int)(row / _stride), LookAt(loader, row));
        }

        again.RequireAny();
        return again;
    }

    /// <summary>The cost of a row; of one that was not looked at, that of the one before it that was.</summary>
    public SampleCost Cost(long row) => _costs[row / _stride];

    /// <summary>Rows that were looked at and can be used, costliest first.</summary>
    public IEnumerable<(long Row, SampleCost Cost)> Costliest(Func<SampleCost, double> by) =>
        Enumerable.Range(0, _costs.Length).Where(i => _costs[i].Tokens > 0).OrderByDescending(i => by(_costs[i])).Select(i => (i * _stride, _costs[i]));

    /// <summary>Sums over the rows that were looked at.</summary>
    public (long Tokens, long Supervised, long ImageTokens, long Patches, int Usable) Sums() => (
        _costs.Sum(c => (long)c.Tokens),
        _costs.Sum(c => (long)c.Supervised),
        _costs.Sum(c => (long)c.ImageTokens),
        _costs.Sum(c => (long)c.Patches),
        _costs.Count(c => c.Tokens > 0));

    /// <summary>A sample in words that name where it stands.</summary>
    public PlannedSample Describe(long row)
    {
        LoadedSample loaded = _loader.Measure(row);
        EncodedSample sample = loaded.Sample!;
        IReadOnlyList<PixelSize> sizes = loaded.Sizes;
        IReadOnlyList<PictureShape> pictures = sample.Layout?.Pictures ?? [];
        return new PlannedSample
        {
            Origin = _loader.Describe(row),
            Tokens = sample.Ids.Length,
            Supervised = sample.Supervised,
            Pictures = [.. pictures.Select((p, i) => new PlannedPicture(sizes[i].Width, sizes[i].Height, p.Width, p.Height, p.Tokens, p.Patches) { Frames = p.Frames })],
        };
    }

    private static Look LookAt(SampleLoader loader, long row)
    {
        try
        {
            LoadedSample loaded = loader.Measure(row);
            return new Look(loaded.Sample is { } sample ? CostOf(sample) : default, loaded.Remark, null, loaded.Sizes.Select(s => 8L * s.Width * s.Height).DefaultIfEmpty().Max());
        }
        catch (InvalidDataException e)
        {
            // The run would stop there, so such a row has no cost; the plan says so.
            return new Look(default, null, e.Message, 0);
        }
    }

    private void RequireAny()
    {
        if (_costs.All(c => c.Tokens == 0))
        {
            throw new InvalidDataException(Refused.First ?? $"every row of the data is left out; the first: {LeftOut.First}");
        }
    }

    private void Take(int index, Look look)
    {
        _costs[index] = look.Cost;
        DecodeBytes = Math.Max(DecodeBytes, look.DecodeBytes);
        if (look.Refused is { } message)
        {
            Refused = (Refused.Count + 1, Refused.First ?? message);
        }
        else if (look.Cost.Tokens == 0)
        {
            LeftOut = (LeftOut.Count + 1, LeftOut.First ?? look.Remark?.Reason);
        }
    }

    private static SampleCost CostOf(EncodedSample sample)
    {
        IReadOnlyList<PictureShape> pictures = sample.Layout?.Pictures ?? [];
        return new SampleCost(sample.Ids.Length, sample.Supervised, pictures.Count, pictures.Sum(p => p.Tokens), pictures.Sum(p => p.Patches));
    }

    private sealed record Look(SampleCost Cost, RowRemark? Remark, string? Refused, long DecodeBytes);
}

/// <summary>A sample of the data set.</summary>
public sealed record PlannedSample
{
    /// <summary>Where it stands, <c>file:line</c>.</summary>
    public required string Origin { get; init; }

    /// <summary>Tokens, image tokens included.</summary>
    public required int Tokens { get; init; }

    /// <summary>Tokens that carry loss.</summary>
    public required int Supervised { get; init; }

    /// <summary>Its pictures.</summary>
    public required IReadOnlyList<PlannedPicture> Pictures { get; init; }

    /// <inheritdoc/>
    public override string ToString()
    {
        string pictures = Pictures.Count switch
        {
            0 => "no picture",
            1 => $"1 {(Pictures[0].Frames > 0 ? "video" : "picture")}: {Pictures[0]}",
            _ => string.Create(CultureInfo.InvariantCulture, $"{Pictures.Count} pictures{(Pictures.Any(p => p.Frames > 0) ? " and videos" : "")}, the largest: {Pictures.MaxBy(p => p.Patches)}"),
        };
        return string.Create(CultureInfo.InvariantCulture, $"{Origin}: {Tokens} tokens ({Supervised} carry loss), {pictures}");
    }
}

/// <summary>A picture of a sample, in the file and as the model sees it.</summary>
/// <param name="FileWidth">Width in pixels in the file.</param>
/// <param name="FileHeight">Height in pixels in the file.</param>
/// <param name="Width">Width in pixels after resizing.</param>
/// <param name="Height">Height in pixels after resizing.</param>
/// <param name="Tokens">Image tokens.</param>
/// <param name="Patches">Patches.</param>
public sealed record PlannedPicture(int FileWidth, int FileHeight, int Width, int Height, int Tokens, int Patches)
{
    /// <summary>Frames of a video that the model sees; 0 for a picture.</summary>
    public int Frames { get; init; }

    /// <inheritdoc/>
    public override string ToString() => string.Create(
        CultureInfo.InvariantCulture,
        $"{FileWidth}x{FileHeight} in the file, {(Frames > 0 ? $"{Frames} frames of " : "")}{Width}x{Height} for the model, {Tokens} {(Frames > 0 ? "video" : "image")} tokens, {Patches} patches");
}
