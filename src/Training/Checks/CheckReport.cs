namespace Lorikeet.Training.Checks;

/// <summary>What a check of a run's data found.</summary>
public sealed record CheckReport
{
    /// <summary>False if it was interrupted; the figures then hold for the rows seen so far.</summary>
    public required bool IsComplete { get; init; }

    /// <summary>The training data and, where there is one, the evaluation data; what could be opened of them.</summary>
    public required IReadOnlyList<PartReport> Parts { get; init; }

    /// <summary>The kinds of findings that there were, errors first.</summary>
    public required IReadOnlyList<KindReport> Kinds { get; init; }

    /// <summary>What the user should know besides, one sentence each.</summary>
    public required IReadOnlyList<string> Notes { get; init; }

    /// <summary>Rows with an error.</summary>
    public required long BadRows { get; init; }

    /// <summary>Rows looked at.</summary>
    public long Rows => Parts.Sum(p => p.Rows);

    /// <summary>Number of errors.</summary>
    public long Errors => Kinds.Where(k => Finding.IsErrorKind(k.Kind)).Sum(k => k.Count);

    /// <summary>Number of warnings.</summary>
    public long Warnings => Kinds.Sum(k => k.Count) - Errors;
}

/// <summary>Findings of one kind.</summary>
/// <param name="Kind">The kind.</param>
/// <param name="Count">How many there are.</param>
/// <param name="Listed">The first of them, in the order of the rows.</param>
public sealed record KindReport(FindingKind Kind, long Count, IReadOnlyList<Finding> Listed);

/// <summary>Figures of the training or the evaluation data.</summary>
/// <param name="Name"><c>train</c> or <c>eval</c>.</param>
/// <param name="Path">The data as the user named it.</param>
/// <param name="Rows">Rows looked at.</param>
/// <param name="Usable">Rows that training would take.</param>
/// <param name="Tokens">Tokens of the usable rows; null if there are none.</param>
/// <param name="Pictures">Pictures of the usable rows.</param>
/// <param name="Packing">What packing would make of them; null without data.max_length.</param>
public sealed record PartReport(string Name, string Path, long Rows, long Usable, TokenFigures? Tokens, PictureFigures Pictures, PackingFigures? Packing);

/// <summary>Tokens of samples, image tokens included.</summary>
public sealed record TokenFigures
{
    /// <summary>All of them, every sample once: an epoch's, unless sources have weights.</summary>
    public required long Total { get; init; }

    /// <summary>Image tokens among them.</summary>
    public required long Image { get; init; }

    /// <summary>Tokens that carry loss.</summary>
    public required long Supervised { get; init; }

    /// <summary>Tokens of the shortest sample.</summary>
    public required int Shortest { get; init; }

    /// <summary>Half of the samples have at most so many.</summary>
    public required int Median { get; init; }

    /// <summary>90 of 100 samples have at most so many.</summary>
    public required int P90 { get; init; }

    /// <summary>99 of 100 samples have at most so many.</summary>
    public required int P99 { get; init; }

    /// <summary>Tokens of the longest sample.</summary>
    public required int Longest { get; init; }

    /// <summary>Where the longest sample stands.</summary>
    public required string LongestOrigin { get; init; }
}

/// <summary>Pictures and videos of samples, as the model sees them.</summary>
/// <param name="Total">How many there are.</param>
/// <param name="MostPerSample">Pictures of the sample that has most.</param>
/// <param name="WithoutPicture">Samples without any.</param>
/// <param name="Sizes">Their sizes after resizing, the most frequent first; at most <see cref="MostSizes"/>.</param>
/// <param name="DistinctSizes">Number of different sizes.</param>
public sealed record PictureFigures(long Total, int MostPerSample, long WithoutPicture, IReadOnlyList<SizeCount> Sizes, int DistinctSizes)
{
    /// <summary>Sizes listed at most.</summary>
    public const int MostSizes = 12;

    /// <summary>How many of them are videos.</summary>
    public long Videos { get; init; }
}

/// <summary>A size of pictures and how often it occurs.</summary>
/// <param name="Width">Width in pixels after resizing.</param>
/// <param name="Height">Height in pixels after resizing.</param>
/// <param name="Tokens">Image tokens of such a picture.</param>
/// <param name="Count">Pictures of this size.</param>
public sealed record SizeCount(int Width, int Height, int Tokens, long Count)
{
    /// <summary>Frames of such a video; 0 for pictures.</summary>
    public int Frames { get; init; }
}

/// <summary>What packing would make of the samples.</summary>
/// <param name="Capacity">Tokens of a pack: data.max_length.</param>
/// <param name="Packs">Number of packs.</param>
/// <param name="Fill">Share of their room that tokens take, 0 to 1.</param>
public sealed record PackingFigures(int Capacity, long Packs, double Fill);
