using System.Runtime.ExceptionServices;
using System.Security.Cryptography;
using System.Text;
using Lorikeet.Data.Formats;
using Lorikeet.Data.Sampling;
using Lorikeet.Data.Sources;

namespace Lorikeet.Data;

/// <summary>One source of a data set with its selected rows and their format.</summary>
public sealed class DatasetPart
{
    private readonly IRowSource _source;
    private readonly DatasetOptions _options;
    private readonly ImageResolver _images;
    private readonly ISampleFormat _format;

    internal DatasetPart(IRowSource source, DatasetOptions options)
    {
        _source = source;
        _options = options;
        if (source.Count == 0)
        {
            throw new InvalidDataException($"{source.Path}: the data file has no rows; expected at least one.");
        }

        SplitSlice split = options.Split is null ? SplitSlice.All : SplitSlice.Parse(options.Split);
        Selection = RowSelection.Of(split.Resolve(source.Count), options.MaxSamples);
        _images = new ImageResolver(options.ImageRoot, source.Folder);
        (_format, Notes) = ChooseFormat(options.Format);
    }

    private DatasetPart(DatasetPart whole, RowSelection selection)
    {
        (_source, _options, _images, _format, Notes) = (whole._source, whole._options, whole._images, whole._format, whole.Notes);
        Selection = selection;
    }

    /// <summary>Number of samples, after split and limit.</summary>
    public long Count => Selection.Count;

    /// <summary>Rows of the whole source.</summary>
    public long RowCount => _source.Count;

    /// <summary>The source as the user named it.</summary>
    public string Path => _source.Path;

    /// <summary>Name of the rows' format.</summary>
    public string FormatName => _format.Name;

    /// <summary>Share of the samples relative to the other sources' weights; null for a share per row.</summary>
    public double? Weight => _options.Weight;

    internal IReadOnlyList<string> Notes { get; }

    internal RowSelection Selection { get; }

    internal DatasetPart With(RowSelection selection) => new(this, selection);

    internal Sample Read(long index)
    {
        var sample = new SampleBuilder(_source.Read(Selection.RowOf(index)), _images);
        sample.ListVideos();
        _format.Read(sample, _options.Prompt);
        return sample.Build();
    }

    internal string Describe(long index) => _source.Describe(Selection.RowOf(index));

    internal void AddTo(IncrementalHash hash)
    {
        _source.AddTo(hash);
        hash.AppendData(Encoding.UTF8.GetBytes(FormattableString.Invariant($"{Selection} {_format.Name} {_options.Prompt} {_options.Weight}\n")));
    }

    private (ISampleFormat Format, IReadOnlyList<string> Notes) ChooseFormat(string name)
    {
        ISampleFormat? named = name == "auto" ? null
            : SampleFormats.Find(name) ?? throw new InvalidDataException($"data.format '{name}' is not known; expected auto or one of {string.Join(", ", Dataset.FormatNames)}.");
        (ISampleFormat format, RowObject keys) = FirstUsable(named);
        var notes = new List<string>(_source.Notes);
        if (keys.Has("task_type"))
        {
            notes.Add($"{Path}: key 'task_type' is noted with each sample and does not change the training.");
        }

        string[] unused = [.. keys.Keys.Where(k => k != "task_type" && !format.Keys.Contains(k, StringComparer.Ordinal) && !RowReferences.Keys.Contains(k, StringComparer.Ordinal) && !SampleBuilder.VideoKeys.Contains(k, StringComparer.Ordinal))];
        if (unused.Length > 0)
        {
            notes.Add($"{Path}: format {format.Name} does not use the keys {string.Join(", ", unused)}.");
        }

        return (format, notes);
    }

    /// <summary>
    /// The format and keys of the first row that can be read: a bad row at the head of a file is that row's error, told when its turn
    /// comes, unless everything behind it is as bad.
    /// </summary>
    private (ISampleFormat Format, RowObject Keys) FirstUsable(ISampleFormat? named)
    {
        const int Tries = 100;
        InvalidDataException? first = null;
        for (long i = 0; i < Math.Min(Tries, Count); i++)
        {
            try
            {
                Row row = _source.Read(Selection.RowOf(i));
                var keys = new RowObject(row.Json, row.Origin);
                return (named ?? SampleFormats.Detect(keys), keys);
            }
            catch (InvalidDataException error)
            {
                first ??= error;
            }
        }

        ExceptionDispatchInfo.Throw(first!);
        throw first!;
    }
}
