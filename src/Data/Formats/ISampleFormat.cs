namespace Lorikeet.Data.Formats;

/// <summary>A way of writing samples as rows. One file each; <see cref="SampleFormats"/> lists them.</summary>
internal interface ISampleFormat
{
    /// <summary>Name in a run file's <c>data.format</c>.</summary>
    string Name { get; }

    /// <summary>An example row, for messages.</summary>
    string Example { get; }

    /// <summary>Keys that the format looks at.</summary>
    IReadOnlyList<string> Keys { get; }

    /// <summary>Whether a row with these keys is of this format.</summary>
    bool Matches(IReadOnlySet<string> keys);

    /// <summary>Why rows of this format are read only where <c>data.format</c> names it, and what to do; null if they are recognised.</summary>
    string? WhyNotByItself => null;

    /// <summary>Adds the row's pictures and messages.</summary>
    /// <param name="sample">The row, and where its parts go.</param>
    /// <param name="prompt">The question for rows that have none (<c>data.prompt</c>).</param>
    void Read(SampleBuilder sample, string prompt);
}
