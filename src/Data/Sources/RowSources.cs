namespace Lorikeet.Data.Sources;

/// <summary>Opens data with the reader that its name and first characters ask for.</summary>
public static class RowSources
{
    /// <summary>
    /// Opens <c>.jsonl</c>/<c>.ndjson</c> (one object per line), <c>.json</c> (an array; a file of lines under this name is taken as
    /// such), <c>.csv</c>, <c>.tsv</c> and <c>.parquet</c>; several of one kind by a pattern or as a directory; a directory of pictures.
    /// </summary>
    /// <exception cref="InvalidDataException">The file is missing, of no known kind, or malformed.</exception>
    public static IRowSource Open(string path, CancellationToken cancellation = default) => Open(new DatasetOptions { Path = path }, cancellation);

    /// <summary>Opens what a source's options name.</summary>
    internal static IRowSource Open(DatasetOptions options, CancellationToken cancellation)
    {
        SourceFiles found = SourceFiles.Find(options.Path, options.Split);
        IRowSource source = found.Files switch
        {
            [] => FolderSource.Open(options.Path),
            var files when files.All(IsParquet) => ParquetSource.Open(options.Path, found.Folder, files, options.CacheDirectory, cancellation),
            [var file] when file == options.Path => OpenFile(file, cancellation),
            var files => OpenShards(options.Path, found, files, cancellation),
        };
        return found.Notes.Count == 0 ? source : new NotedSource(source, [.. found.Notes, .. source.Notes]);
    }

    private static ShardedSource OpenShards(string path, SourceFiles found, IReadOnlyList<string> files, CancellationToken cancellation)
    {
        if (files.Any(IsParquet))
        {
            throw new InvalidDataException($"{path}: holds Parquet files and others ({files.First(f => !IsParquet(f))}); expected files of one kind. Name each as a source of its own.");
        }

        var shards = new List<IRowSource>();
        try
        {
            foreach (string file in files)
            {
                shards.Add(OpenFile(file, cancellation));
            }

            return new ShardedSource(path, found.Folder, shards);
        }
        catch
        {
            shards.ForEach(shard => shard.Dispose());
            throw;
        }
    }

    private static bool IsParquet(string file) => file.EndsWith(".parquet", StringComparison.OrdinalIgnoreCase);

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
                throw new InvalidDataException($"{path}: the data file's kind '{extension}' is not known; expected .jsonl, .json, .csv, .tsv or .parquet.");
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

    /// <summary>A source with more to say about it.</summary>
    private sealed class NotedSource(IRowSource inner, IReadOnlyList<string> notes) : IRowSource
    {
        public string Path => inner.Path;

        public string Folder => inner.Folder;

        public long Count => inner.Count;

        public IReadOnlyList<string> Notes => notes;

        public Row Read(long index) => inner.Read(index);

        public void AddTo(System.Security.Cryptography.IncrementalHash hash) => inner.AddTo(hash);

        public string Describe(long index) => inner.Describe(index);

        public void Dispose() => inner.Dispose();
    }
}
