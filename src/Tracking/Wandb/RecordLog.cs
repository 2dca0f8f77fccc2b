using System.Buffers.Binary;
using Google.Protobuf;
using Lorikeet.Tracking.Wandb.Format;

namespace Lorikeet.Tracking.Wandb;

/// <summary>
/// A <c>run-ID.wandb</c> file: LevelDB's log format behind a header of W&amp;B's own. Blocks of 32 KiB hold chunks with a header of CRC-32
/// (4 bytes, of type and data), length (2) and type (1); a record that doesn't fit is split at the end of the block.
/// Source: LevelDB <c>doc/log_format.md</c> (with CRC-32 instead of masked CRC-32C), wandb <c>core/pkg/leveldb</c>.
/// </summary>
internal sealed class RecordLog : IDisposable
{
    private const int BlockSize = 32768;
    private const int HeaderSize = 7;
    private const byte Full = 1, First = 2, Middle = 3, Last = 4;

    private readonly FileStream _file;
    private long _position;
    private long _records;

    /// <summary>Makes a new file.</summary>
    public RecordLog(string path)
    {
        _file = new FileStream(path, FileMode.CreateNew, FileAccess.Write, FileShare.Read, bufferSize: 0);
        byte[] header = [(byte)':', (byte)'W', (byte)'&', (byte)'B', 0xe1, 0xbe, 0];
        _file.Write(header);
        _position = header.Length;
    }

    /// <summary>Numbers a record and adds it, in a single write.</summary>
    public void Write(Record record)
    {
        record.Num = ++_records;
        byte[] data = record.ToByteArray();
        using var bytes = new MemoryStream(data.Length + (4 * HeaderSize));
        int done = 0;
        do
        {
            int room = BlockSize - (int)((_position + bytes.Length) % BlockSize);
            if (room < HeaderSize)
            {
                bytes.Write(new byte[room]);
                room = BlockSize;
            }

            int length = Math.Min(data.Length - done, room - HeaderSize);
            bool isFirst = done == 0, isLast = done + length == data.Length;
            Chunk(bytes, isFirst ? isLast ? Full : First : isLast ? Last : Middle, data.AsSpan(done, length));
            done += length;
        }
        while (done < data.Length);
        _file.Write(bytes.GetBuffer(), 0, (int)bytes.Length);
        _position += bytes.Length;
    }

    /// <summary>Forces what was written to disk.</summary>
    public void Flush() => _file.Flush(flushToDisk: true);

    /// <inheritdoc/>
    public void Dispose() => _file.Dispose();

    private static void Chunk(MemoryStream bytes, byte type, ReadOnlySpan<byte> data)
    {
        Span<byte> header = stackalloc byte[HeaderSize];
        header[6] = type;
        BinaryPrimitives.WriteUInt32LittleEndian(header, ~Crc32(Crc32(uint.MaxValue, header[6..]), data));
        BinaryPrimitives.WriteUInt16LittleEndian(header[4..], (ushort)data.Length);
        bytes.Write(header);
        bytes.Write(data);
    }

    // The polynomial of zip and PNG, bit by bit: a record is small, and the base library has no public one.
    private static uint Crc32(uint crc, ReadOnlySpan<byte> data)
    {
        foreach (byte b in data)
        {
            crc ^= b;
            for (int bit = 0; bit < 8; bit++)
            {
                crc = (crc >> 1) ^ (0xedb88320u & (0u - (crc & 1)));
            }
        }

        return crc;
    }
}
