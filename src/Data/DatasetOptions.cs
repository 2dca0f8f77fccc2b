namespace Lorikeet.Data;

/// <summary>Which rows a data set has and how they are read; names as in a run file's <c>data</c> section.</summary>
public sealed record DatasetOptions
{
    /// <summary>The data file: .jsonl, .json, .csv or .tsv.</summary>
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
}
