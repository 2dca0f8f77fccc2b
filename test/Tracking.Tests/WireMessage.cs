using System.Buffers.Binary;
using System.Text;

namespace Lorikeet.Tracking.Tests;

/// <summary>A protobuf message read field by field from its bytes, without any generated code.</summary>
internal sealed class WireMessage
{
    private readonly List<(int Field, object Value)> _fields = [];

    public WireMessage(ReadOnlySpan<byte> bytes)
    {
        while (bytes.Length > 0)
        {
            ulong tag = Varint(ref bytes);
            object value;
            switch (tag & 7)
            {
                case 0:
                    value = Varint(ref bytes);
                    break;
                case 1:
                    value = BinaryPrimitives.ReadDoubleLittleEndian(bytes);
                    bytes = bytes[8..];
                    break;
                case 2:
                    int length = (int)Varint(ref bytes);
                    value = bytes[..length].ToArray();
                    bytes = bytes[length..];
                    break;
                case 5:
                    value = BinaryPrimitives.ReadSingleLittleEndian(bytes);
                    bytes = bytes[4..];
                    break;
                default:
                    throw new InvalidDataException($"wire type {tag & 7}");
            }

            _fields.Add(((int)(tag >> 3), value));
        }
    }

    public bool Has(int field) => _fields.Any(f => f.Field == field);

    public long Number(int field) => (long)(ulong)(Value(field) ?? 0ul);

    public double Double(int field) => (double)(Value(field) ?? 0.0);

    public float Float(int field) => (float)(Value(field) ?? 0f);

    public string Text(int field) => Encoding.UTF8.GetString((byte[])(Value(field) ?? Array.Empty<byte>()));

    public WireMessage Message(int field) => new((byte[])Value(field)!);

    public IEnumerable<WireMessage> Messages(int field) => _fields.Where(f => f.Field == field).Select(f => new WireMessage((byte[])f.Value));

    public IEnumerable<string> Texts(int field) => _fields.Where(f => f.Field == field).Select(f => Encoding.UTF8.GetString((byte[])f.Value));

    private object? Value(int field) => _fields.LastOrDefault(f => f.Field == field).Value;

    private static ulong Varint(ref ReadOnlySpan<byte> bytes)
    {
        ulong value = 0;
        for (int i = 0; ; i++)
        {
            value |= (ulong)(bytes[i] & 0x7f) << (7 * i);
            if (bytes[i] < 0x80)
            {
                bytes = bytes[(i + 1)..];
                return value;
            }
        }
    }
}

/// <summary>Checksums from their polynomials: a second implementation, table-driven from the highest bit down.</summary>
internal static class Checksum
{
    public static uint Crc32(ReadOnlySpan<byte> bytes) => Compute(bytes, 0x04c11db7);

    public static uint Crc32C(ReadOnlySpan<byte> bytes) => Compute(bytes, 0x1edc6f41);

    private static uint Compute(ReadOnlySpan<byte> bytes, uint polynomial)
    {
        uint crc = uint.MaxValue;
        foreach (byte b in bytes)
        {
            crc ^= Reverse(b) & 0xff000000;
            for (int bit = 0; bit < 8; bit++)
            {
                crc = (crc & 0x80000000) != 0 ? (crc << 1) ^ polynomial : crc << 1;
            }
        }

        return ~Reverse(crc);
    }

    private static uint Reverse(uint value)
    {
        uint reversed = 0;
        for (int bit = 0; bit < 32; bit++)
        {
            reversed = (reversed << 1) | ((value >> bit) & 1);
        }

        return reversed;
    }
}

public sealed class ChecksumTests
{
    [Fact]
    public void The_check_values_of_the_catalogue_come_out()
    {
        Assert.Equal(0xcbf43926u, Checksum.Crc32("123456789"u8));
        Assert.Equal(0xe3069283u, Checksum.Crc32C("123456789"u8));
    }
}
