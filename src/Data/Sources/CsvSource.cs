using System.Buffers;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Unicode;

namespace Lorikeet.Data.Sources;

/// <summary>
/// A csv or tsv file with a header row (RFC 4180: quoted fields may hold delimiters, doubled quotes and line ends). A row becomes a JSON
/// object of strings with the column names as keys; cells of columns that hold structure (<c>messages</c>, <c>conversations</c>,
/// <c>texts</c>, <c>images</c>, <c>image</c>) are parsed when they begin with <c>[</c> or <c>{</c>.
/// A quote within an unquoted field is taken literally, as Python's reader does.
/// </summary>
public sealed class CsvSource : IRowSource
{
    private readonly SourceFile _file;
    private readonly RowIndex _index;
    private readonly char _delimiter;
    private readonly List<string> _columns;

    private CsvSource(SourceFile file, RowIndex index, char delimiter)
    {
        _file = file;
        _index = index;
        _delimiter = delimiter;
        if (index.Count == 0)
        {
            throw new InvalidDataException($"{file.Path}: the file is empty; expected a header row with column names.");
        }

        _columns = [.. Fields(0).Select(name => name.Trim())];
        for (int i = 0; i < _columns.Count; i++)
        {
            if (_columns[i].Length == 0 || _columns.IndexOf(_columns[i]) != i)
            {
                string fault = _columns[i].Length == 0 ? "has no name" : $"repeats the name '{_columns[i]}'";
                throw new InvalidDataException(FormattableString.Invariant($"{DescribeRecord(0)}: column {i + 1} {fault}; expected a header row of unique column names."));
            }
        }
    }

    /// <inheritdoc/>
    public string Path => _file.Path;

    /// <inheritdoc/>
    public long Count => _index.Count - 1;

    /// <summary>Opens and indexes a file.</summary>
    /// <param name="path">The file.</param>
    /// <param name="delimiter">Comma or tab.</param>
    /// <param name="cancellation">Stops the indexing.</param>
    /// <exception cref="InvalidDataException">The file is missing, empty, or its quoting is broken.</exception>
    public static CsvSource Open(string path, char delimiter, CancellationToken cancellation = default)
    {
        SourceFile file = SourceFile.Open(path);
        try
        {
            return new CsvSource(file, new CsvIndexer(file, (byte)delimiter).Run(cancellation), delimiter);
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
        string origin = Describe(index);
        List<string> fields = Fields(index + 1);
        if (fields.Count != _columns.Count)
        {
            throw new InvalidDataException(FormattableString.Invariant(
                $"{origin}: the row has {fields.Count} fields; the header has {_columns.Count} ({string.Join(", ", _columns)}). Quote fields that hold the delimiter.")).As(RowFault.Unreadable);
        }

        var buffer = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            for (int i = 0; i < fields.Count; i++)
            {
                json.WritePropertyName(_columns[i]);
                WriteCell(json, _columns[i], fields[i], origin);
            }

            json.WriteEndObject();
        }

        return new Row(JsonElement.Parse(buffer.WrittenSpan), index, origin);
    }

    /// <inheritdoc/>
    public string Describe(long index) => DescribeRecord(index + 1);

    /// <inheritdoc/>
    public void AddTo(IncrementalHash hash) => _file.AddTo(hash);

    /// <inheritdoc/>
    public void Dispose() => _file.Dispose();

    private static void WriteCell(Utf8JsonWriter json, string column, string cell, string origin)
    {
        if (!StructuredText.IsJson(column, cell))
        {
            json.WriteStringValue(cell);
            return;
        }

        try
        {
            JsonElement.Parse(cell, StructuredText.Options).WriteTo(json);
        }
        catch (JsonException error)
        {
            throw new InvalidDataException($"{origin}: column '{column}' begins like JSON but is not valid: {RowJson.Reason(error)} JSON strings need double quotes (doubled within a csv field).", error).As(RowFault.Unreadable);
        }
        catch (InvalidOperationException error)
        {
            throw new InvalidDataException($"{origin}: column '{column}' holds {RowJson.HalfSurrogate}.", error).As(RowFault.Unreadable);
        }
    }

    private string DescribeRecord(long record) => FormattableString.Invariant($"{Path}:{_index.Line(record)}");

    private List<string> Fields(long record)
    {
        string origin = DescribeRecord(record);
        long end = record + 1 < _index.Count ? _index.Offset(record + 1) : _file.Length;
        ReadOnlySpan<byte> bytes = _file.ReadRow(_index.Offset(record), end, origin);
        if (!Utf8.IsValid(bytes))
        {
            throw new InvalidDataException($"{origin}: the row is not valid UTF-8. Save the file as UTF-8.").As(RowFault.Unreadable);
        }

        return Split(Encoding.UTF8.GetString(bytes));
    }

    /// <summary>Splits one record; its quoting was checked when the file was indexed.</summary>
    private List<string> Split(string text)
    {
        var fields = new List<string>();
        var quoted = new StringBuilder();
        int at = 0;
        while (true)
        {
            if (at < text.Length && text[at] == '"')
            {
                quoted.Clear();
                int close = ++at;
                while ((close = text.IndexOf('"', at)) >= 0 && close + 1 < text.Length && text[close + 1] == '"')
                {
                    quoted.Append(text, at, close + 1 - at);
                    at = close + 2;
                }

                quoted.Append(text, at, close - at);
                fields.Add(quoted.ToString());
                at = close + 1;
            }
            else
            {
                int stop = text.AsSpan(at).IndexOfAny(_delimiter, '\n');
                stop = stop < 0 ? text.Length : at + stop;
                bool carriageReturn = stop > at && text[stop - 1] == '\r' && (stop == text.Length || text[stop] == '\n');
                fields.Add(text[at..(carriageReturn ? stop - 1 : stop)]);
                at = stop;
            }

            // Only blank lines can follow the end of the record.
            if (at >= text.Length || text[at] != _delimiter)
            {
                return fields;
            }

            at++;
        }
    }
}
