using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using Lorikeet.Nn.Weights;

namespace Lorikeet.Evaluation;

/// <summary>
/// Results of rows in a file of JSON lines. A line is written, and handed to the system, as soon as its row is done, so that a stopped
/// evaluation can go on; a line that was cut off by the stop is removed when the file is opened again.
/// </summary>
/// <typeparam name="T">What is known of a row.</typeparam>
public sealed class RowLog<T> : IDisposable
    where T : class, IRowRecord
{
    private const int MaxLineBytes = 64 << 20;

    private static readonly JsonSerializerOptions Json = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, // these files are read by people, and never pasted into pages as they are
    };

    private readonly string _path;
    private readonly FileStream _file;
    private readonly SortedDictionary<int, T> _rows = [];

    private RowLog(string path, FileStream file)
    {
        _path = path;
        _file = file;
    }

    /// <summary>Rows that are done, by number.</summary>
    public IReadOnlyDictionary<int, T> Rows => _rows;

    /// <summary>Opens the file of an evaluation, made anew if there is none; what it holds is kept.</summary>
    /// <param name="path">The file.</param>
    /// <param name="count">Number of rows of the evaluation.</param>
    /// <param name="note">Told of a line that was cut off.</param>
    /// <exception cref="InvalidDataException">A line is damaged, or belongs to no row; the message names it.</exception>
    public static RowLog<T> Open(string path, int count, Action<string> note)
    {
        var log = new RowLog<T>(path, new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.Read));
        try
        {
            log.Read(count, note);
            return log;
        }
        catch
        {
            log.Dispose();
            throw;
        }
    }

    /// <summary>Appends a row.</summary>
    public void Add(T row)
    {
        _rows.Add(row.Row, row);
        _file.Write(Line(row));
        _file.Flush();
    }

    /// <summary>Rewrites the file in the order of the rows, once all are done.</summary>
    public void Sort()
    {
        _file.Dispose();
        AtomicFile.Write(_path, stream =>
        {
            foreach (T row in _rows.Values)
            {
                stream.Write(Line(row));
            }
        });
    }

    /// <inheritdoc/>
    public void Dispose() => _file.Dispose();

    private static byte[] Line(T row) => [.. JsonSerializer.SerializeToUtf8Bytes(row, Json), (byte)'\n'];

    private void Read(int count, Action<string> note)
    {
        long end = 0;
        int line = 0;
        using (var reader = new BinaryReader(_file, Encoding.UTF8, leaveOpen: true))
        {
            var bytes = new List<byte>();
            for (int next = _file.ReadByte(); next >= 0; next = _file.ReadByte())
            {
                if (next != '\n')
                {
                    bytes.Add((byte)next);
                    if (bytes.Count > MaxLineBytes)
                    {
                        throw new InvalidDataException($"{_path}:{line + 1}: the line is longer than {MaxLineBytes} bytes; this file is none of an evaluation");
                    }

                    continue;
                }

                line++;
                Take([.. bytes], line, count);
                bytes.Clear();
                end = _file.Position;
            }

            if (bytes.Count > 0)
            {
                note($"{_path}: line {line + 1} was cut off when the evaluation stopped; its row is computed again");
            }
        }

        _file.SetLength(end);
        _file.Position = end;
    }

    private void Take(byte[] bytes, int line, int count)
    {
        T row;
        try
        {
            row = JsonSerializer.Deserialize<T>(bytes, Json) ?? throw new JsonException("null");
        }
        catch (JsonException e)
        {
            throw new InvalidDataException($"{_path}:{line}: {e.Message}. Start anew with --overwrite.", e);
        }

        if (row.Row < 0 || row.Row >= count || !_rows.TryAdd(row.Row, row))
        {
            throw new InvalidDataException($"{_path}:{line}: row {row.Row} {(row.Row < 0 || row.Row >= count ? $"is none of the {count} rows of this data set" : "occurs twice")}. Start anew with --overwrite.");
        }
    }
}
