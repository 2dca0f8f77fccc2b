namespace Lorikeet.Data;

/// <summary>One source of a data set: which rows it has and how they are read; names as in a run file's <c>data</c> section.</summary>
public sealed record DatasetOptions
{
    /// <summary>A data file (.jsonl, .json, .csv, .tsv, .parquet), a pattern such as <c>part-*.jsonl</c>, or a directory.</summary>
    public required string Path { get; init; }

    /// <summary>Folder that relative picture paths count from; null for the data file's own.</summary>
    public string? ImageRoot { get; init; }

    /// <summary>Name of the rows' format, or <c>auto</c>.</summary>
    public string Format { get; init; } = "auto";

    /// <summary>Part of the rows, such as <c>train[:6%]</c>; null for all.</summary>
    public string? Split { get; init; }

    /// <summary>At most so many rows, counted after the split; null for all.</summary>
    public long? MaxSamples { get; init; }

    /// <summary>The question for rows that have none.</summary>
    public string Prompt { get; init; } = "Describe this image.";

    /// <summary>Share of the samples where several sources are mixed, relative to the others' weights; null for a share per row.</summary>
    public double? Weight { get; init; }

    /// <summary>Folder for the unpacked rows of Parquet files while they are in use; null for the system's folder of temporary files.</summary>
    public string? CacheDirectory { get; init; }
}
