using System.Buffers;
using System.Buffers.Binary;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace Lorikeet.Data.Sources;

/// <summary>
/// A row as bytes, so that it can be kept without its objects: length of the JSON, number of binary values, their lengths (4 bytes each,
/// low byte first), the JSON, the binary values. A length of -1 marks a row that was too large to keep.
/// </summary>
internal sealed class RowRecord : IDisposable
{
    private readonly ArrayBufferWriter<byte> _json = new();
    private readonly ArrayBufferWriter<byte> _blobs = new();
    private readonly List<int> _lengths = [];
    private readonly Utf8JsonWriter _writer;

    public RowRecord()
    {
        _writer = new Utf8JsonWriter(_json, new JsonWriterOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, SkipValidation = true });
    }

    /// <summary>Begins a row; its object is written here.</summary>
    public Utf8JsonWriter Begin()
    {
        _json.ResetWrittenCount();
        _blobs.ResetWrittenCount();
        _lengths.Clear();
        _writer.Reset(_json);
        return _writer;
    }

    /// <summary>Adds a binary value; returns what stands for it in the JSON.</summary>
    public string AddBlob(ReadOnlySpan<byte> blob)
    {
        if ((long)_blobs.WrittenCount + blob.Length <= SourceFile.MaxRowBytes)
        {
            _blobs.Write(blob);
        }

        // Of a row that is too large only the sum of lengths is looked at.
        _lengths.Add(blob.Length);
        return Row.BlobText(_lengths.Count - 1);
    }

    /// <summary>Ends the row and appends its record.</summary>
    public void End(ArrayBufferWriter<byte> target)
    {
        _writer.Flush();
        if (_json.WrittenCount + _lengths.Sum(length => (long)length) > SourceFile.MaxRowBytes)
        {
            Append(target, -1);
            return;
        }

        Append(target, _json.WrittenCount);
        Append(target, _lengths.Count);
        foreach (int length in _lengths)
        {
            Append(target, length);
        }

        target.Write(_json.WrittenSpan);
        target.Write(_blobs.WrittenSpan);
    }

    /// <summary>Reads a record.</summary>
    public static Row Parse(ReadOnlySpan<byte> record, long id, string origin)
    {
        int json = Take(ref record);
        if (json < 0)
        {
            throw new InvalidDataException(FormattableString.Invariant($"{origin}: the row has more than {SourceFile.MaxRowBytes} bytes, the most that is read. Make its pictures smaller."));
        }

        byte[][] blobs = new byte[Take(ref record)][];
        for (int i = 0; i < blobs.Length; i++)
        {
            blobs[i] = new byte[Take(ref record)];
        }

        JsonElement row = JsonElement.Parse(record[..json]);
        record = record[json..];
        foreach (byte[] blob in blobs)
        {
            record[..blob.Length].CopyTo(blob);
            record = record[blob.Length..];
        }

        return new Row(row, id, origin) { Blobs = blobs };
    }

    public void Dispose() => _writer.Dispose();

    private static void Append(ArrayBufferWriter<byte> target, int value)
    {
        BinaryPrimitives.WriteInt32LittleEndian(target.GetSpan(4), value);
        target.Advance(4);
    }

    private static int Take(ref ReadOnlySpan<byte> record)
    {
        int value = BinaryPrimitives.ReadInt32LittleEndian(record);
        record = record[4..];
        return value;
    }
}
