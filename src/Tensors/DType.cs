namespace Lorikeet.Tensors;

/// <summary>Element types a tensor can hold.</summary>
public enum DType
{
    /// <summary>IEEE 754 single precision, 4 bytes.</summary>
    F32,

    /// <summary>bfloat16: the upper half of a single, 2 bytes.</summary>
    BF16,

    /// <summary>IEEE 754 half precision, 2 bytes.</summary>
    F16,

    /// <summary>Signed 32-bit integer (token ids, row indices).</summary>
    I32,

    /// <summary>Signed 64-bit integer (row keys of the random generator).</summary>
    I64,

    /// <summary>Unsigned byte (masks, packed storage).</summary>
    U8,
}

/// <summary>Sizes of <see cref="DType"/>.</summary>
public static class DTypes
{
    /// <summary>Bytes per element.</summary>
    public static int Size(this DType dtype) => dtype switch
    {
        DType.F32 or DType.I32 => 4,
        DType.BF16 or DType.F16 => 2,
        DType.I64 => 8,
        DType.U8 => 1,
        _ => throw new ArgumentOutOfRangeException(nameof(dtype), dtype, "unknown element type"),
    };

    /// <summary>Whether the type is a floating-point type.</summary>
    public static bool IsFloat(this DType dtype) => dtype is DType.F32 or DType.BF16 or DType.F16;
}
