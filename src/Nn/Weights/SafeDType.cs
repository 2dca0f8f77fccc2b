namespace Lorikeet.Nn.Weights;

/// <summary>
/// Element types of the safetensors format. Members stand in the format's own order, which is also the order its writer sorts by
/// (largest first). Source: <c>Dtype</c> of the safetensors crate.
/// </summary>
public enum SafeDType
{
    /// <summary>One byte per element, zero is false.</summary>
    BOOL,
    /// <summary>4-bit float, two elements per byte.</summary>
    F4,
    /// <summary>6-bit float, 2 exponent and 3 mantissa bits.</summary>
    F6_E2M3,
    /// <summary>6-bit float, 3 exponent and 2 mantissa bits.</summary>
    F6_E3M2,
    /// <summary>Unsigned byte.</summary>
    U8,
    /// <summary>Signed byte.</summary>
    I8,
    /// <summary>8-bit float, 5 exponent and 2 mantissa bits, with infinities.</summary>
    F8_E5M2,
    /// <summary>8-bit float, 4 exponent and 3 mantissa bits, no infinities (the "fn" variant).</summary>
    F8_E4M3,
    /// <summary>8-bit power of two without sign or mantissa (scale of micro-scaling formats).</summary>
    F8_E8M0,
    /// <summary>8-bit float, 4 exponent and 3 mantissa bits, bias 8, no negative zero.</summary>
    F8_E4M3FNUZ,
    /// <summary>8-bit float, 5 exponent and 2 mantissa bits, bias 16, no negative zero.</summary>
    F8_E5M2FNUZ,
    /// <summary>Signed 16-bit integer.</summary>
    I16,
    /// <summary>Unsigned 16-bit integer.</summary>
    U16,
    /// <summary>IEEE half precision.</summary>
    F16,
    /// <summary>Upper half of an IEEE single.</summary>
    BF16,
    /// <summary>Signed 32-bit integer.</summary>
    I32,
    /// <summary>Unsigned 32-bit integer.</summary>
    U32,
    /// <summary>IEEE single precision.</summary>
    F32,
    /// <summary>Complex number of two singles.</summary>
    C64,
    /// <summary>IEEE double precision.</summary>
    F64,
    /// <summary>Signed 64-bit integer.</summary>
    I64,
    /// <summary>Unsigned 64-bit integer.</summary>
    U64,
}

/// <summary>Sizes and names of <see cref="SafeDType"/>.</summary>
public static class SafeDTypes
{
    /// <summary>Bits of one element.</summary>
    public static int Bits(this SafeDType dtype) => dtype switch
    {
        SafeDType.F4 => 4,
        SafeDType.F6_E2M3 or SafeDType.F6_E3M2 => 6,
        SafeDType.BOOL or SafeDType.U8 or SafeDType.I8 => 8,
        SafeDType.F8_E5M2 or SafeDType.F8_E4M3 or SafeDType.F8_E8M0 or SafeDType.F8_E4M3FNUZ or SafeDType.F8_E5M2FNUZ => 8,
        SafeDType.I16 or SafeDType.U16 or SafeDType.F16 or SafeDType.BF16 => 16,
        SafeDType.I32 or SafeDType.U32 or SafeDType.F32 => 32,
        SafeDType.C64 or SafeDType.F64 or SafeDType.I64 or SafeDType.U64 => 64,
        _ => throw new ArgumentOutOfRangeException(nameof(dtype), dtype, "not a safetensors dtype"),
    };

    /// <summary>The name in a file's header, for example <c>BF16</c>.</summary>
    public static string Name(this SafeDType dtype) => dtype.ToString();

    /// <summary>Reads a header's dtype name; names are upper case and exact.</summary>
    public static bool TryParse(string name, out SafeDType dtype)
    {
        // Enum.TryParse would also take numbers and lists ("3", "U8,I8").
        foreach (SafeDType candidate in All)
        {
            if (candidate.ToString() == name)
            {
                dtype = candidate;
                return true;
            }
        }

        dtype = default;
        return false;
    }

    /// <summary>
    /// Bytes that a tensor of this shape takes; false when a dimension is negative, the product overflows, or elements smaller than a
    /// byte do not fill whole bytes.
    /// </summary>
    public static bool TryByteLength(this SafeDType dtype, ReadOnlySpan<long> shape, out long bytes)
    {
        bytes = 0;
        UInt128 elements = 1;
        bool empty = false;
        foreach (long dimension in shape)
        {
            if (dimension < 0)
            {
                return false;
            }

            if (dimension == 0)
            {
                empty = true;
                continue;
            }

            elements *= (ulong)dimension;
            if (elements > long.MaxValue)
            {
                return false;
            }
        }

        if (empty)
        {
            return true;
        }

        UInt128 bits = elements * (uint)dtype.Bits();
        if (bits % 8 != 0 || bits / 8 > long.MaxValue)
        {
            return false;
        }

        bytes = (long)(bits / 8);
        return true;
    }

    private static readonly SafeDType[] All = Enum.GetValues<SafeDType>();
}
