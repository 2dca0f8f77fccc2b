using System.Security.Cryptography;

namespace Lorikeet.Data.Sources;

/// <summary>
/// A file with one JSON object per line. Blank lines, a byte order mark and CRLF are fine. Opening makes one pass that only looks for
/// line ends; a row is parsed when it is read.
/// </summary>
public sealed class JsonLinesSource : IRowSource
{
    private const int BufferBytes = 1 << 20;
    private const string Expected = "one complete JSON object on one line";

    private readonly SourceFile _file;
    private readonly RowIndex _index;

    private JsonLinesSource(SourceFile file, RowIndex index)
    {
        _file = file;
        _index = index;
    }

    /// <inheritdoc/>
    public string Path => _file.Path;

    /// <inheritdoc/>
    public long Count => _index.Count;

    /// <summary>Opens and indexes a file.</summary>
    /// <exception cref="InvalidDataException">The file is missing, or not UTF-8 text.</exception>
    public static JsonLinesSource Open(string path, CancellationToken cancellation = default)
    {
        SourceFile file = SourceFile.Open(path);
        try
        {
            return new JsonLinesSource(file, BuildIndex(file, cancellation));
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public Row Read(long index)
    {
        long start = _index.Offset(index);
        long end = index + 1 < Count ? _index.Offset(index + 1) : _file.Length;
        string origin = Describe(index);
        ReadOnlySpan<byte> bytes = _file.ReadRow(start, end, origin);

        // Up to the next row there may be blank lines.
        int newline = bytes.IndexOf((byte)'\n');
        ReadOnlySpan<byte> line = newline < 0 ? bytes : bytes[..newline];
        return new Row(RowJson.ParseObject(line, Path, _index.Line(index), Expected), index, origin);
    }

    /// <inheritdoc/>
    public string Describe(long index) => FormattableString.Invariant($"{Path}:{_index.Line(index)}");

    /// <inheritdoc/>
    public void AddTo(IncrementalHash hash) => _file.AddTo(hash);

    /// <inheritdoc/>
    public void Dispose() => _file.Dispose();

    private static RowIndex BuildIndex(SourceFile file, CancellationToken cancellation)
    {
        var index = new RowIndex();
        byte[] buffer = new byte[Math.Clamp(file.Length, 1, BufferBytes)];
        long line = 1;
        bool inRow = false;
        long position = file.Start;
        while (true)
        {
            cancellation.ThrowIfCancellationRequested();
            int count = file.Read(position, buffer);
            if (count == 0)
            {
                file.RequireUnchanged();
                return index;
            }

            ReadOnlySpan<byte> rest = buffer.AsSpan(0, count);
            while (!rest.IsEmpty)
            {
                if (!inRow)
                {
                    int content = rest.IndexOfAnyExcept((byte)' ', (byte)'\t', (byte)'\r');
                    if (content < 0)
                    {
                        break;
                    }

                    if (rest[content] != (byte)'\n')
                    {
                        index.Add(position + count - rest.Length + content, line);
                        inRow = true;
                    }

                    rest = rest[content..];
                }

                int newline = rest.IndexOf((byte)'\n');
                if (newline < 0)
                {
                    break;
                }

                line++;
                inRow = false;
                rest = rest[(newline + 1)..];
            }

            position += count;
        }
    }
}
