using System.Security.Cryptography;
using System.Text.Json;

namespace Lorikeet.Data.Sources;

/// <summary>
/// A file that is one JSON array of objects. It is validated and indexed in one streaming pass; no more than one token and a buffer are
/// ever in memory.
/// </summary>
public sealed class JsonArraySource : IRowSource
{
    private const string Expected = "a JSON object as element of the array";

    private readonly SourceFile _file;
    private readonly RowIndex _index;

    private JsonArraySource(SourceFile file, RowIndex index)
    {
        _file = file;
        _index = index;
    }

    /// <inheritdoc/>
    public string Path => _file.Path;

    /// <inheritdoc/>
    public long Count => _index.Count;

    /// <summary>Opens and indexes a file.</summary>
    /// <exception cref="InvalidDataException">The file is missing, no valid JSON, or no array of objects.</exception>
    public static JsonArraySource Open(string path, CancellationToken cancellation = default)
    {
        SourceFile file = SourceFile.Open(path);
        try
        {
            return new JsonArraySource(file, new Indexer(file).Run(cancellation));
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

        // A comma, or the end of the array, follows the element.
        var reader = new Utf8JsonReader(bytes);
        reader.Read();
        reader.Skip();
        bytes = bytes[..(int)reader.BytesConsumed];
        return new Row(RowJson.ParseObject(bytes, Path, _index.Line(index), Expected), index, origin);
    }

    /// <inheritdoc/>
    public string Describe(long index) => FormattableString.Invariant($"{Path}:{_index.Line(index)}");

    /// <inheritdoc/>
    public void AddTo(IncrementalHash hash) => _file.AddTo(hash);

    /// <inheritdoc/>
    public void Dispose() => _file.Dispose();

    /// <summary>The pass over the file.</summary>
    private sealed class Indexer(SourceFile file)
    {
        private readonly RowIndex _index = new();
        private byte[] _buffer = new byte[Math.Clamp(file.Length + 1, 64, 1 << 18)];
        private long _line = 1;
        private int _lineCountedTo;
        private bool _sawRoot;

        public RowIndex Run(CancellationToken cancellation)
        {
            var state = new JsonReaderState();
            long position = file.Start;
            int have = 0;
            while (true)
            {
                cancellation.ThrowIfCancellationRequested();
                int read = file.Read(position + have, _buffer.AsSpan(have));
                have += read;
                bool last = have < _buffer.Length;
                int consumed = Scan(_buffer.AsSpan(0, have), last, position, ref state);
                if (last)
                {
                    file.RequireUnchanged();
                    return _index;
                }

                position += consumed;
                have -= consumed;
                _buffer.AsSpan(consumed, have).CopyTo(_buffer);
                _lineCountedTo = Math.Max(0, _lineCountedTo - consumed);
                if (consumed == 0)
                {
                    Grow();
                }
            }
        }

        private int Scan(ReadOnlySpan<byte> bytes, bool last, long position, ref JsonReaderState state)
        {
            try
            {
                var reader = new Utf8JsonReader(bytes, last, state);
                while (reader.Read())
                {
                    int start = (int)reader.TokenStartIndex;
                    if (!_sawRoot)
                    {
                        RequireArray(reader.TokenType);
                    }
                    else if (reader.CurrentDepth == 1 && reader.TokenType is not (JsonTokenType.EndObject or JsonTokenType.EndArray))
                    {
                        AddRow(bytes, start, position, reader.TokenType);
                    }
                }

                state = reader.CurrentState;
                CountLines(bytes, (int)reader.BytesConsumed);
                return (int)reader.BytesConsumed;
            }
            catch (JsonException error)
            {
                throw new InvalidDataException(
                    FormattableString.Invariant($"{file.Path}:{error.LineNumber + 1}:{error.BytePositionInLine + 1}: not valid JSON: {RowJson.Reason(error)} Expected an array of objects. Correct the file."), error);
            }
        }

        private void RequireArray(JsonTokenType token)
        {
            _sawRoot = true;
            if (token != JsonTokenType.StartArray)
            {
                string found = token == JsonTokenType.StartObject ? "a single JSON object" : "a single JSON value";
                throw new InvalidDataException($"{file.Path}: the file is {found}; expected an array of rows, [{{...}}, {{...}}], or one row per line (.jsonl).");
            }
        }

        private void AddRow(ReadOnlySpan<byte> bytes, int start, long position, JsonTokenType token)
        {
            CountLines(bytes, start);
            if (token != JsonTokenType.StartObject)
            {
                throw new InvalidDataException(FormattableString.Invariant($"{file.Path}:{_line}: element {_index.Count + 1} of the array is no object; expected {Expected}."));
            }

            _index.Add(position + start, _line);
        }

        private void CountLines(ReadOnlySpan<byte> bytes, int end)
        {
            if (end > _lineCountedTo)
            {
                _line += bytes[_lineCountedTo..end].Count((byte)'\n');
                _lineCountedTo = end;
            }
        }

        private void Grow()
        {
            if (_buffer.Length >= SourceFile.MaxRowBytes)
            {
                throw new InvalidDataException(FormattableString.Invariant($"{file.Path}:{_line}: one JSON value has more than {SourceFile.MaxRowBytes} bytes. Keep pictures in files and give their paths."));
            }

            Array.Resize(ref _buffer, _buffer.Length * 2);
        }
    }
}
