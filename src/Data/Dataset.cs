using System.Security.Cryptography;
using System.Text;
using Lorikeet.Data.Formats;
using Lorikeet.Data.Sampling;
using Lorikeet.Data.Sources;

namespace Lorikeet.Data;

/// <summary>
/// The samples of one data file, by number. Opening indexes the file, applies split and limit and recognises the format from the first
/// row; samples are read when asked for, from any thread.
/// </summary>
public sealed class Dataset : IDisposable
{
    private readonly IRowSource _source;
    private readonly IReadOnlyList<(long From, long To)> _ranges;
    private readonly ISampleFormat _format;
    private readonly ImageResolver _images;
    private readonly string _prompt;

    private Dataset(IRowSource source, DatasetOptions options)
    {
        _source = source;
        _prompt = options.Prompt;
        if (source.Count == 0)
        {
            throw new InvalidDataException($"{source.Path}: the data file has no rows; expected at least one.");
        }

        SplitSlice split = options.Split is null ? SplitSlice.All : SplitSlice.Parse(options.Split);
        _ranges = Limit(split.Resolve(source.Count), options.MaxSamples);
        Count = _ranges.Sum(r => r.To - r.From);
        _images = new ImageResolver(options.ImageRoot, source.Path);
        (_format, Notes) = ChooseFormat(options.Format);
        Fingerprint = ComputeFingerprint();
    }

    /// <summary>Number of samples, after split and limit.</summary>
    public long Count { get; }

    /// <summary>Rows of the whole file.</summary>
    public long RowCount => _source.Count;

    /// <summary>The data file.</summary>
    public string Path => _source.Path;

    /// <summary>Name of the rows' format.</summary>
    public string FormatName => _format.Name;

    /// <summary>What the user should know about the rows, such as keys that are not used; one sentence each.</summary>
    public IReadOnlyList<string> Notes { get; }

    /// <summary>
    /// Identity of the samples and their order, for checkpoints: file content (sampled), selected rows, format and prompt. Where the
    /// file lies does not matter.
    /// </summary>
    public string Fingerprint { get; }

    /// <summary>Names of the formats that <c>data.format</c> may give, besides <c>auto</c>.</summary>
    public static IReadOnlyList<string> FormatNames { get; } = [.. SampleFormats.All.Select(f => f.Name)];

    /// <summary>Opens a data file.</summary>
    /// <exception cref="InvalidDataException">The file, the split or the format is unusable.</exception>
    public static Dataset Open(DatasetOptions options, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(options);
        IRowSource source = RowSources.Open(options.Path, cancellation);
        try
        {
            return new Dataset(source, options);
        }
        catch
        {
            source.Dispose();
            throw;
        }
    }

    /// <summary>Reads a sample; pictures are found, not yet decoded.</summary>
    /// <param name="index">0-based number among the selected rows.</param>
    /// <exception cref="InvalidDataException">The row is unusable; the message names file, line and key.</exception>
    public Sample Read(long index)
    {
        var sample = new SampleBuilder(_source.Read(RowOf(index)), _images);
        _format.Read(sample, _prompt);
        return sample.Build();
    }

    /// <summary>Where a sample's row stands, <c>file:line</c>.</summary>
    public string Describe(long index) => _source.Describe(RowOf(index));

    /// <inheritdoc/>
    public void Dispose() => _source.Dispose();

    private long RowOf(long index)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((ulong)index, (ulong)Count, nameof(index));
        foreach ((long from, long to) in _ranges)
        {
            if (index < to - from)
            {
                return from + index;
            }

            index -= to - from;
        }

        throw new InvalidOperationException("the ranges do not add up to the count.");
    }

    private static List<(long From, long To)> Limit(IReadOnlyList<(long From, long To)> ranges, long? maxSamples)
    {
        if (maxSamples < 1)
        {
            throw new InvalidDataException(FormattableString.Invariant($"max_samples is {maxSamples}; expected at least 1."));
        }

        var limited = new List<(long From, long To)>();
        long left = maxSamples ?? long.MaxValue;
        foreach ((long from, long to) in ranges)
        {
            if (left > 0)
            {
                limited.Add((from, from + Math.Min(left, to - from)));
                left -= to - from;
            }
        }

        return limited;
    }

    private string ComputeFingerprint()
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        _source.AddTo(hash);
        hash.AppendData(Encoding.UTF8.GetBytes(FormattableString.Invariant($"{string.Join(';', _ranges)} {_format.Name} {_prompt}")));
        return Convert.ToHexStringLower(hash.GetHashAndReset().AsSpan(0, 16));
    }

    private (ISampleFormat Format, IReadOnlyList<string> Notes) ChooseFormat(string name)
    {
        Row row = _source.Read(RowOf(0));
        var keys = new RowObject(row.Json, row.Origin);
        ISampleFormat format = name == "auto"
            ? SampleFormats.Detect(keys)
            : SampleFormats.Find(name) ?? throw new InvalidDataException($"data.format '{name}' is not known; expected auto or one of {string.Join(", ", FormatNames)}.");
        var notes = new List<string>();
        if (keys.Has("task_type"))
        {
            notes.Add($"{Path}: key 'task_type' is noted with each sample and does not change the training.");
        }

        string[] unused = [.. keys.Keys.Where(k => k != "task_type" && !format.Keys.Contains(k, StringComparer.Ordinal) && !RowReferences.Keys.Contains(k, StringComparer.Ordinal))];
        if (unused.Length > 0)
        {
            notes.Add($"{Path}: format {format.Name} does not use the keys {string.Join(", ", unused)}.");
        }

        return (format, notes);
    }
}
