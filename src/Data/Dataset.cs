using System.Security.Cryptography;
using Lorikeet.Data.Formats;
using Lorikeet.Data.Sampling;
using Lorikeet.Data.Sources;

namespace Lorikeet.Data;

/// <summary>
/// The samples of one or several sources, by number: source after source, each in its own order. Opening indexes the sources, applies
/// split and limit and recognises each source's format from its first row; samples are read when asked for, from any thread.
/// </summary>
public sealed class Dataset : IDisposable
{
    private readonly Owner _owner;
    private readonly DatasetPart[] _parts;
    private readonly long[] _starts;
    private bool _isDisposed;

    private Dataset(Owner owner, DatasetPart[] parts, StoppingStrategy stopping)
    {
        _owner = owner;
        _parts = parts;
        Stopping = stopping;
        _starts = new long[parts.Length];
        for (int i = 1; i < parts.Length; i++)
        {
            _starts[i] = _starts[i - 1] + parts[i - 1].Count;
        }

        Count = parts.Sum(p => p.Count);
        Notes = [.. parts.SelectMany(p => p.Notes).Distinct(), .. MixNote()];
        Fingerprint = ComputeFingerprint();
        owner.Add();
    }

    /// <summary>Number of samples, after split and limit.</summary>
    public long Count { get; }

    /// <summary>Rows of all sources, selected or not.</summary>
    public long RowCount => _parts.Sum(p => p.RowCount);

    /// <summary>The sources as the user named them.</summary>
    public string Path => string.Join(", ", _parts.Select(p => p.Path));

    /// <summary>Name of the rows' format; of several sources' where they differ.</summary>
    public string FormatName => string.Join(", ", _parts.Select(p => p.FormatName).Distinct());

    /// <summary>The sources, in the order in which their samples are numbered.</summary>
    public IReadOnlyList<DatasetPart> Parts => _parts;

    /// <summary>How long an epoch is where sources have weights.</summary>
    public StoppingStrategy Stopping { get; }

    /// <summary>What the user should know about the rows, such as keys that are not used; one sentence each.</summary>
    public IReadOnlyList<string> Notes { get; }

    /// <summary>
    /// Identity of the samples and their order, for checkpoints: every source's content (sampled), selected rows, format, prompt and
    /// weight. Where the files lie does not matter.
    /// </summary>
    public string Fingerprint { get; }

    /// <summary>Names of the formats that <c>data.format</c> may give, besides <c>auto</c>.</summary>
    public static IReadOnlyList<string> FormatNames { get; } = [.. SampleFormats.All.Select(f => f.Name)];

    /// <summary>Opens a data set of one source.</summary>
    /// <exception cref="InvalidDataException">The source, the split or the format is unusable.</exception>
    public static Dataset Open(DatasetOptions options, CancellationToken cancellation = default) =>
        Open([options], StoppingStrategy.AllExhausted, cancellation);

    /// <summary>Opens a data set of several sources.</summary>
    /// <param name="sources">At least one.</param>
    /// <param name="stopping">How long an epoch is where sources have weights.</param>
    /// <param name="cancellation">Stops the opening.</param>
    /// <exception cref="InvalidDataException">A source, a split or a format is unusable.</exception>
    public static Dataset Open(IReadOnlyList<DatasetOptions> sources, StoppingStrategy stopping, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(sources);
        ArgumentOutOfRangeException.ThrowIfZero(sources.Count);
        var owner = new Owner();
        try
        {
            var parts = new DatasetPart[sources.Count];
            for (int i = 0; i < parts.Length; i++)
            {
                IRowSource source = RowSources.Open(sources[i], cancellation);
                owner.Sources.Add(source);
                parts[i] = new DatasetPart(source, sources[i]);
            }

            return new Dataset(owner, parts, stopping);
        }
        catch
        {
            owner.Close();
            throw;
        }
    }

    /// <summary>
    /// Splits samples off for validation, drawn from each source in proportion to its size. The two are independent of each other and
    /// both are to be disposed; this one is used up.
    /// </summary>
    /// <param name="size">Below 1 a share of the samples (rounded up, as scikit-learn and datasets do), otherwise their number.</param>
    /// <param name="seed">Decides, with the sources' sizes alone, which rows are held out.</param>
    /// <exception cref="InvalidDataException">Nothing would be left on one side, or rows are selected twice, so that training would see what is held out.</exception>
    public (Dataset Training, Dataset Validation) HoldOut(double size, ulong seed)
    {
        RequireDistinct();
        long held = size < 1 ? (long)Math.Ceiling(size * Count) : (long)size;
        if (!(size > 0) || held >= Count)
        {
            throw new InvalidDataException(FormattableString.Invariant(
                $"data.validation_split: {size} holds out {held} of {Count} samples; expected a share between 0 and 1, or a number of samples that leaves some to train on."));
        }

        var pairs = _parts.Zip(Shares(held), (part, count) => (Part: part, Count: count))
            .Select((p, i) => (p.Part, Split: p.Part.Selection.HoldOut(p.Count, seed, i))).ToArray();
        DatasetPart[] rest = [.. pairs.Where(p => p.Split.Kept.Count > 0).Select(p => p.Part.With(p.Split.Kept))];
        DatasetPart[] heldOut = [.. pairs.Where(p => p.Split.HeldOut.Count > 0).Select(p => p.Part.With(p.Split.HeldOut))];
        var result = (new Dataset(_owner, rest, Stopping), new Dataset(_owner, heldOut, Stopping));
        Dispose();
        return result;
    }

    /// <summary>The order in which training draws the samples.</summary>
    /// <param name="seed">Seed of the shuffling.</param>
    /// <param name="shuffle">False keeps each source's order.</param>
    public RowSampler Sampler(ulong seed, bool shuffle) => new(Mix(), Stopping, seed, shuffle);

    /// <summary>Reads a sample; pictures are found, not yet decoded.</summary>
    /// <param name="index">0-based number among the selected rows.</param>
    /// <exception cref="InvalidDataException">The row is unusable; the message names file, line and key.</exception>
    public Sample Read(long index)
    {
        (DatasetPart part, long within) = Locate(index);
        return part.Read(within);
    }

    /// <summary>Where a sample's row stands, <c>file:line</c>.</summary>
    public string Describe(long index)
    {
        (DatasetPart part, long within) = Locate(index);
        return part.Describe(within);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (!_isDisposed)
        {
            _isDisposed = true;
            _owner.Remove();
        }
    }

    private (DatasetPart Part, long Within) Locate(long index)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((ulong)index, (ulong)Count, nameof(index));
        int found = Array.BinarySearch(_starts, index);
        int part = found >= 0 ? found : ~found - 1;
        return (_parts[part], index - _starts[part]);
    }

    private MixPart[] Mix() => [.. _parts.Select(p => new MixPart(p.Count, p.Weight))];

    private IEnumerable<string> MixNote()
    {
        if (_parts.Length < 2)
        {
            yield break;
        }

        long[] counts = MixCounts.PerEpoch(Mix(), Stopping);
        yield return "an epoch has " + string.Join(", ", _parts.Select((p, i) => FormattableString.Invariant($"{counts[i]} samples of {p.Path} ({p.Count} rows)"))) + ".";
    }

    /// <summary>Divides a number of samples over the sources by size; what rounding leaves goes to the largest remainders, earlier sources first.</summary>
    private long[] Shares(long held)
    {
        long[] shares = [.. _parts.Select(p => (long)((Int128)held * p.Count / Count))];
        int[] byRemainder = [.. Enumerable.Range(0, _parts.Length).OrderByDescending(i => (Int128)held * _parts[i].Count % Count)];
        long left = held - shares.Sum();
        for (int i = 0; i < left; i++)
        {
            shares[byRemainder[i]]++;
        }

        return shares;
    }

    private void RequireDistinct()
    {
        for (int i = 0; i < _parts.Length; i++)
        {
            for (int j = i; j < _parts.Length; j++)
            {
                bool isSameFile = System.IO.Path.GetFullPath(_parts[i].Path) == System.IO.Path.GetFullPath(_parts[j].Path);
                if (isSameFile && _parts[i].Selection.Overlaps(_parts[j].Selection))
                {
                    throw new InvalidDataException($"{_parts[i].Path}: data.validation_split would hold out rows that are also trained on, because some rows are selected twice. Select each row once (train_split, the sources' splits), or give data.eval.");
                }
            }
        }
    }

    private string ComputeFingerprint()
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (DatasetPart part in _parts)
        {
            part.AddTo(hash);
        }

        hash.AppendData([(byte)Stopping]);
        return Convert.ToHexStringLower(hash.GetHashAndReset().AsSpan(0, 16));
    }

    /// <summary>The open sources, closed with the last data set that reads from them.</summary>
    private sealed class Owner
    {
        private int _users;

        public List<IRowSource> Sources { get; } = [];

        public void Add() => Interlocked.Increment(ref _users);

        public void Remove()
        {
            if (Interlocked.Decrement(ref _users) == 0)
            {
                Close();
            }
        }

        public void Close() => Sources.ForEach(source => source.Dispose());
    }
}
