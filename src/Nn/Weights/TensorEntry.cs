using System.Runtime.InteropServices;

namespace Lorikeet.Nn.Weights;

/// <summary>One tensor to be written: its header entry and a callback that delivers its bytes when its turn has come.</summary>
/// <param name="Name">Key in the file.</param>
/// <param name="DType">Element type as stored.</param>
/// <param name="Shape">Dimensions, outermost first.</param>
/// <param name="WriteTo">Writes exactly the tensor's bytes, little-endian, in as many pieces as it likes.</param>
public sealed record TensorEntry(string Name, SafeDType DType, long[] Shape, Action<Stream> WriteTo)
{
    private const int ChunkElements = 1 << 14;

    /// <summary>Bytes of the tensor.</summary>
    /// <exception cref="InvalidDataException">The shape has no valid size.</exception>
    public long ByteLength => DType.TryByteLength(Shape, out long bytes)
        ? bytes
        : throw new InvalidDataException($"tensor '{Name}': {DType.Name()} {TensorInfo.ShapeText(Shape)} has no size in whole bytes below 2^63.");

    /// <summary>Raw bytes as they are.</summary>
    public static TensorEntry FromBytes(string name, SafeDType dtype, long[] shape, ReadOnlyMemory<byte> bytes) =>
        new(name, dtype, shape, stream => stream.Write(bytes.Span));

    /// <summary>64-bit integers.</summary>
    public static TensorEntry FromI64(string name, long[] shape, ReadOnlyMemory<long> values) =>
        new(name, SafeDType.I64, shape, stream => stream.Write(MemoryMarshal.AsBytes(values.Span)));

    /// <summary>Singles, stored as F32, or rounded to the nearest (ties to even) BF16 or F16.</summary>
    public static TensorEntry FromF32(string name, long[] shape, ReadOnlyMemory<float> values, SafeDType storeAs = SafeDType.F32) => storeAs switch
    {
        SafeDType.F32 => new(name, storeAs, shape, stream => stream.Write(MemoryMarshal.AsBytes(values.Span))),
        SafeDType.BF16 or SafeDType.F16 => new(name, storeAs, shape, stream => WriteHalves(stream, values.Span, storeAs)),
        _ => throw new ArgumentOutOfRangeException(nameof(storeAs), storeAs, "expected F32, BF16 or F16"),
    };

    /// <summary>A tensor copied unchanged from another file, which must stay open until the write is over.</summary>
    public static TensorEntry Copy(SafeTensorsFile file, string name)
    {
        TensorInfo info = file.Info(name);
        return new(name, info.DType, info.Shape, stream => file.CopyTo(name, stream));
    }

    private static void WriteHalves(Stream stream, ReadOnlySpan<float> values, SafeDType storeAs)
    {
        Span<ushort> chunk = new ushort[Math.Min(ChunkElements, values.Length)];
        for (int done = 0; done < values.Length; done += ChunkElements)
        {
            ReadOnlySpan<float> source = values[done..Math.Min(values.Length, done + ChunkElements)];
            for (int i = 0; i < source.Length; i++)
            {
                chunk[i] = storeAs == SafeDType.F16 ? BitConverter.HalfToUInt16Bits((Half)source[i]) : ToBFloat16(source[i]);
            }

            stream.Write(MemoryMarshal.AsBytes(chunk[..source.Length]));
        }
    }

    private static ushort ToBFloat16(float value)
    {
        uint bits = BitConverter.SingleToUInt32Bits(value);

        // A NaN whose set bits are all in the lower half would round to infinity.
        return float.IsNaN(value) ? (ushort)((bits >> 16) | 0x40) : (ushort)((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16);
    }
}
