using System.Buffers.Binary;
using System.Runtime.InteropServices;

namespace Lorikeet.Nn.Weights;

/// <summary>Little-endian bytes of a stored dtype to singles or 64-bit integers. Wider values round to nearest even.</summary>
internal static class ScalarConversion
{
    public static void ToSingle(TensorInfo info, ReadOnlySpan<byte> source, Span<float> target, string file)
    {
        // The three types that weights come in are read in bulk.
        switch (info.DType)
        {
            case SafeDType.F32 when BitConverter.IsLittleEndian:
                source.CopyTo(MemoryMarshal.AsBytes(target));
                break;
            case SafeDType.BF16 when BitConverter.IsLittleEndian:
                ReadOnlySpan<ushort> brains = MemoryMarshal.Cast<byte, ushort>(source);
                for (int i = 0; i < target.Length; i++)
                {
                    target[i] = BitConverter.UInt32BitsToSingle((uint)brains[i] << 16);
                }

                break;
            case SafeDType.F16 when BitConverter.IsLittleEndian:
                ReadOnlySpan<Half> halves = MemoryMarshal.Cast<byte, Half>(source);
                for (int i = 0; i < target.Length; i++)
                {
                    target[i] = (float)halves[i];
                }

                break;
            default:
                for (int i = 0; i < target.Length; i++)
                {
                    target[i] = One(info, source, i, file);
                }

                break;
        }
    }

    private static float One(TensorInfo info, ReadOnlySpan<byte> source, int i, string file) => info.DType switch
    {
        SafeDType.F32 => BinaryPrimitives.ReadSingleLittleEndian(source[(4 * i)..]),
        SafeDType.BF16 => BitConverter.UInt32BitsToSingle((uint)BinaryPrimitives.ReadUInt16LittleEndian(source[(2 * i)..]) << 16),
        SafeDType.F16 => (float)BinaryPrimitives.ReadHalfLittleEndian(source[(2 * i)..]),
        SafeDType.F64 => (float)BinaryPrimitives.ReadDoubleLittleEndian(source[(8 * i)..]),
        SafeDType.U64 => BinaryPrimitives.ReadUInt64LittleEndian(source[(8 * i)..]),
        SafeDType.F8_E4M3 => Float8.E4M3(source[i]),
        SafeDType.F8_E5M2 => Float8.E5M2(source[i]),
        SafeDType.F8_E8M0 => Float8.E8M0(source[i]),
        SafeDType.F8_E4M3FNUZ => Float8.Fnuz(source[i], mantissaBits: 3),
        SafeDType.F8_E5M2FNUZ => Float8.Fnuz(source[i], mantissaBits: 2),
        _ => Integer(info, source, i, file, "a real number"),
    };

    public static void ToInt64(TensorInfo info, ReadOnlySpan<byte> source, Span<long> target, string file)
    {
        for (int i = 0; i < target.Length; i++)
        {
            target[i] = info.DType == SafeDType.U64 ? Checked(info, source, i, file) : Integer(info, source, i, file, "an integer");
        }
    }

    private static long Integer(TensorInfo info, ReadOnlySpan<byte> source, int i, string file, string expected) => info.DType switch
    {
        SafeDType.I64 => BinaryPrimitives.ReadInt64LittleEndian(source[(8 * i)..]),
        SafeDType.I32 => BinaryPrimitives.ReadInt32LittleEndian(source[(4 * i)..]),
        SafeDType.U32 => BinaryPrimitives.ReadUInt32LittleEndian(source[(4 * i)..]),
        SafeDType.I16 => BinaryPrimitives.ReadInt16LittleEndian(source[(2 * i)..]),
        SafeDType.U16 => BinaryPrimitives.ReadUInt16LittleEndian(source[(2 * i)..]),
        SafeDType.I8 => (sbyte)source[i],
        SafeDType.U8 => source[i],
        SafeDType.BOOL => source[i] == 0 ? 0 : 1,
        _ => throw new InvalidDataException($"{file}: tensor '{info.Name}' is {info.Describe()}; expected a dtype that holds {expected}."),
    };

    private static long Checked(TensorInfo info, ReadOnlySpan<byte> source, int i, string file)
    {
        ulong value = BinaryPrimitives.ReadUInt64LittleEndian(source[(8 * i)..]);
        return value <= long.MaxValue
            ? (long)value
            : throw new InvalidDataException($"{file}: tensor '{info.Name}' holds {value}, which is above 2^63-1.");
    }
}

/// <summary>The 8-bit float types. Source: OCP 8-bit floating point specification; FNUZ as in ONNX and PyTorch.</summary>
internal static class Float8
{
    /// <summary>4 exponent bits, bias 7, no infinities; 0x7F and 0xFF are NaN.</summary>
    public static float E4M3(byte bits) => (bits & 0x7F) == 0x7F ? float.NaN : Decode(bits, mantissaBits: 3, bias: 7);

    /// <summary>5 exponent bits, bias 15: the upper byte of an IEEE half.</summary>
    public static float E5M2(byte bits) => (float)BitConverter.UInt16BitsToHalf((ushort)(bits << 8));

    /// <summary>2^(bits-127); 0xFF is NaN.</summary>
    public static float E8M0(byte bits) => bits == 0xFF ? float.NaN : MathF.ScaleB(1f, bits - 127);

    /// <summary>One zero, one NaN (0x80), bias one above the usual.</summary>
    public static float Fnuz(byte bits, int mantissaBits) =>
        bits == 0x80 ? float.NaN : Decode(bits, mantissaBits, bias: 1 << (6 - mantissaBits));

    private static float Decode(byte bits, int mantissaBits, int bias)
    {
        int mantissa = bits & ((1 << mantissaBits) - 1);
        int exponent = (bits & 0x7F) >> mantissaBits;
        float magnitude = exponent == 0
            ? MathF.ScaleB(mantissa, 1 - bias - mantissaBits)
            : MathF.ScaleB(mantissa + (1 << mantissaBits), exponent - bias - mantissaBits);
        return (bits & 0x80) != 0 ? -magnitude : magnitude;
    }
}
