using System.Buffers.Binary;
using System.Numerics;
using Google.Protobuf;
using Lorikeet.Tracking.TensorBoard.Format;

namespace Lorikeet.Tracking.TensorBoard;

/// <summary>
/// One TensorBoard event file. Records are framed as TFRecord: length (8 bytes), masked CRC-32C of the length (4), the event, masked
/// CRC-32C of the event (4), all little-endian. Source: TensorFlow, <c>tensorflow/core/lib/io/record_writer.h</c>.
/// </summary>
internal sealed class EventFile : IDisposable
{
    private readonly FileStream _file;

    /// <summary>Makes a new file and writes the format's version into it.</summary>
    /// <param name="path">A file that doesn't exist yet.</param>
    /// <param name="time">When it begins.</param>
    public EventFile(string path, DateTimeOffset time)
    {
        _file = new FileStream(path, FileMode.CreateNew, FileAccess.Write, FileShare.Read, bufferSize: 0);
        Write(new Event { WallTime = Seconds(time), FileVersion = "brain.Event:2" });
    }

    /// <summary>Seconds since 1970.</summary>
    public static double Seconds(DateTimeOffset time) => (time - DateTimeOffset.UnixEpoch).TotalSeconds;

    /// <summary>Writes an event in a single write, so that a reader or a crash finds whole records or one torn one at the end.</summary>
    public void Write(Event happened)
    {
        int length = happened.CalculateSize();
        byte[] record = new byte[8 + 4 + length + 4];
        BinaryPrimitives.WriteInt64LittleEndian(record, length);
        BinaryPrimitives.WriteUInt32LittleEndian(record.AsSpan(8), MaskedCrc(record.AsSpan(0, 8)));
        happened.WriteTo(record.AsSpan(12, length));
        BinaryPrimitives.WriteUInt32LittleEndian(record.AsSpan(12 + length), MaskedCrc(record.AsSpan(12, length)));
        _file.Write(record);
    }

    /// <summary>Forces what was written to disk.</summary>
    public void Flush() => _file.Flush(flushToDisk: true);

    /// <inheritdoc/>
    public void Dispose() => _file.Dispose();

    // The mask keeps checksums of data that itself holds checksums apart.
    private static uint MaskedCrc(ReadOnlySpan<byte> data)
    {
        uint crc = uint.MaxValue;
        foreach (byte b in data)
        {
            crc = BitOperations.Crc32C(crc, b);
        }

        return BitOperations.RotateRight(~crc, 15) + 0xa282ead8;
    }
}
