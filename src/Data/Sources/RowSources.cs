namespace Lorikeet.Data.Sources;

/// <summary>Opens data with the reader that its name and first characters ask for.</summary>
public static class RowSources
{
    /// <summary>
    /// Opens <c>.jsonl</c>/<c>.ndjson</c> (one object per line), <c>.json</c> (an array; a file of lines under this name is taken as
    /// such), <c>.csv</c> and <c>.tsv</c>.
    /// </summary>
    /// <exception cref="InvalidDataException">The file is missing, of no known kind, or malformed.</exception>
    public static IRowSource Open(string path, CancellationToken cancellation = default) => Open(new DatasetOptions { Path = path }, cancellation);

    /// <summary>Opens what a source's options name.</summary>
    internal static IRowSource Open(DatasetOptions options, CancellationToken cancellation) => OpenFile(options.Path, cancellation);

    private static IRowSource OpenFile(string path, CancellationToken cancellation)
    {
        string extension = System.IO.Path.GetExtension(path).ToLowerInvariant();
        switch (extension)
        {
            case ".jsonl" or ".ndjson" or ".json":
                return FirstCharacter(path) == '[' ? JsonArraySource.Open(path, cancellation) : OpenLines(path, extension, cancellation);
            case ".csv":
                return CsvSource.Open(path, ',', cancellation);
            case ".tsv":
                return CsvSource.Open(path, '\t', cancellation);
            default:
                // Says first what is wrong with a file that is not there at all.
                SourceFile.Open(path).Dispose();
                throw new InvalidDataException($"{path}: the data file's kind '{extension}' is not known; expected .jsonl, .json, .csv or .tsv.");
        }
    }

    private static IRowSource OpenLines(string path, string extension, CancellationToken cancellation)
    {
        JsonLinesSource lines = JsonLinesSource.Open(path, cancellation);
        if (extension != ".json" || lines.Count == 0)
        {
            return lines;
        }

        try
        {
            lines.Read(0);
            return lines;
        }
        catch (InvalidDataException)
        {
            // Not one object per line: the array reader says what is wrong with the file as a whole.
            lines.Dispose();
            return JsonArraySource.Open(path, cancellation);
        }
    }

    private static char FirstCharacter(string path)
    {
        using SourceFile file = SourceFile.Open(path);
        Span<byte> buffer = stackalloc byte[4096];
        for (long position = file.Start; ; position += buffer.Length)
        {
            ReadOnlySpan<byte> bytes = buffer[..file.Read(position, buffer)];
            int content = bytes.IndexOfAnyExcept(" \t\r\n"u8);
            if (content >= 0)
            {
                return (char)bytes[content];
            }

            if (bytes.IsEmpty)
            {
                return '\0';
            }
        }
    }
}
