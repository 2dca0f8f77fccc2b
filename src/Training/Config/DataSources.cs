using Lorikeet.Training.Config.Binding;

namespace Lorikeet.Training.Config;

/// <summary>One source of samples. What it leaves out is taken from the data section.</summary>
public sealed record DataSource
{
    /// <summary>A file (jsonl, json, csv, tsv, parquet), a pattern such as part-*.jsonl, a directory, or a data set of the hub, ORG/NAME. Required.</summary>
    [FilePath(MayNameRepository = true)]
    public string? Path { get; init; }

    /// <summary>Share of the samples, relative to the weights of the other sources (1 if others have one); without any weight, every row once.</summary>
    [Bounds(Above = 0)]
    public double? Weight { get; init; }

    /// <summary>The part of the rows, such as "train[:6%]".</summary>
    public string? Split { get; init; }

    /// <summary>At most this many samples, counted after the split.</summary>
    [Bounds(Min = 1)]
    public long? MaxSamples { get; init; }

    /// <summary>The format of the rows, or auto.</summary>
    public string? Format { get; init; }

    /// <summary>The folder that picture paths are relative to.</summary>
    [FilePath]
    public string? ImageRoot { get; init; }

    /// <summary>The question of rows that have a picture and a caption only.</summary>
    public string? Prompt { get; init; }
}

/// <summary>Where samples come from: one path, or several sources.</summary>
public sealed record DataSources
{
    private DataSources(IReadOnlyList<DataSource> items)
    {
        Items = items;
    }

    /// <summary>The sources; at least one.</summary>
    public IReadOnlyList<DataSource> Items { get; }

    /// <summary>Several sources.</summary>
    public static DataSources Of(IReadOnlyList<DataSource> items)
    {
        ArgumentNullException.ThrowIfNull(items);
        ArgumentOutOfRangeException.ThrowIfZero(items.Count);
        return new DataSources(items);
    }

    /// <summary>A single path.</summary>
    public static implicit operator DataSources(string path) => Of([new DataSource { Path = path }]);

    /// <inheritdoc/>
    public bool Equals(DataSources? other) => other is not null && Items.SequenceEqual(other.Items);

    /// <inheritdoc/>
    public override int GetHashCode() => Items.Aggregate(0, HashCode.Combine);

    /// <summary>The paths, for messages.</summary>
    public override string ToString() => string.Join(", ", Items.Select(item => item.Path));
}
