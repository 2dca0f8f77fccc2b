using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Lorikeet.Tensors.Cpu;

/// <summary>
/// Reads stored elements as f32. This is the seam for storage types: packing and the skinny kernels know a matrix only
/// through its loader, so a quantized type is one more struct and never exists dense. Each load touches exactly the
/// elements it returns.
/// </summary>
internal unsafe interface IElementLoader
{
    /// <summary>True if stored elements are bf16, so that bf16 packing can move them unchanged.</summary>
    static abstract bool IsBf16 { get; }

    /// <summary>Whether 16 elements fill a cache line (else half of one); for prefetching.</summary>
    static abstract bool FillsLine { get; }

    /// <summary>Where an element lies, as a hint for prefetching; it may be outside of the matrix.</summary>
    static abstract void* Address(in MatrixView m, nint row, nint col);

    /// <summary>One element.</summary>
    static abstract float Load1(in MatrixView m, nint row, nint col);

    /// <summary>Four elements along the stored row.</summary>
    static abstract Vector128<float> Load4(in MatrixView m, nint row, nint col);

    /// <summary>Eight elements along the stored row.</summary>
    static abstract Vector256<float> Load8(in MatrixView m, nint row, nint col);

    /// <summary>Sixteen elements along the stored row.</summary>
    static abstract Vector512<float> Load16(in MatrixView m, nint row, nint col);
}

/// <summary>f32 elements.</summary>
internal readonly unsafe struct F32Loader : IElementLoader
{
    public static bool FillsLine => true;

    public static bool IsBf16 => false;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void* Address(in MatrixView m, nint row, nint col) => (float*)m.Data + row * m.Stride + col;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Load1(in MatrixView m, nint row, nint col) => ((float*)m.Data)[row * m.Stride + col];

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Load4(in MatrixView m, nint row, nint col) =>
        Vector128.Load((float*)m.Data + row * m.Stride + col);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Load8(in MatrixView m, nint row, nint col) =>
        Vector256.Load((float*)m.Data + row * m.Stride + col);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Load16(in MatrixView m, nint row, nint col) =>
        Vector512.Load((float*)m.Data + row * m.Stride + col);
}

/// <summary>bf16 elements: the upper 16 bits of an f32.</summary>
internal readonly unsafe struct Bf16Loader : IElementLoader
{
    public static bool FillsLine => false;

    public static bool IsBf16 => true;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void* Address(in MatrixView m, nint row, nint col) => (ushort*)m.Data + row * m.Stride + col;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Load1(in MatrixView m, nint row, nint col) =>
        BitConverter.UInt32BitsToSingle((uint)((ushort*)m.Data)[row * m.Stride + col] << 16);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Load4(in MatrixView m, nint row, nint col) =>
        (Vector128.WidenLower(Vector128.CreateScalar(Unsafe.ReadUnaligned<ulong>((ushort*)m.Data + row * m.Stride + col)).AsUInt16()) << 16).AsSingle();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Load8(in MatrixView m, nint row, nint col) =>
        (Avx2.ConvertToVector256Int32(Vector128.Load((ushort*)m.Data + row * m.Stride + col)) << 16).AsSingle();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Load16(in MatrixView m, nint row, nint col) =>
        (Avx512F.ConvertToVector512Int32(Vector256.Load((ushort*)m.Data + row * m.Stride + col)) << 16).AsSingle();
}

/// <summary>
/// f16 elements. Exponent and mantissa are moved into place and multiplied by 2^112, which is exact for normals and
/// subnormals alike; infinities and NaNs get the f32 exponent back.
/// </summary>
internal readonly unsafe struct F16Loader : IElementLoader
{
    private const float Rebias = 5.192296858534828e33f; // 2^112

    public static bool FillsLine => false;

    public static bool IsBf16 => false;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void* Address(in MatrixView m, nint row, nint col) => (ushort*)m.Data + row * m.Stride + col;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Load1(in MatrixView m, nint row, nint col) =>
        (float)BitConverter.UInt16BitsToHalf(((ushort*)m.Data)[row * m.Stride + col]);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Load4(in MatrixView m, nint row, nint col) =>
        Vector128.Create(Load1(m, row, col), Load1(m, row, col + 1), Load1(m, row, col + 2), Load1(m, row, col + 3));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Load8(in MatrixView m, nint row, nint col)
    {
        Vector256<int> h = Avx2.ConvertToVector256Int32(Vector128.Load((ushort*)m.Data + row * m.Stride + col));
        Vector256<int> magnitude = (h & Vector256.Create(0x7fff)) << 13;
        Vector256<int> special = Vector256.GreaterThan(magnitude, Vector256.Create(0x0f7fffff)) & Vector256.Create(0x7f800000);
        Vector256<int> sign = (h & Vector256.Create(0x8000)) << 16;
        return ((magnitude.AsSingle() * Vector256.Create(Rebias)).AsInt32() | special | sign).AsSingle();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Load16(in MatrixView m, nint row, nint col)
    {
        Vector512<int> h = Avx512F.ConvertToVector512Int32(Vector256.Load((ushort*)m.Data + row * m.Stride + col));
        Vector512<int> magnitude = (h & Vector512.Create(0x7fff)) << 13;
        Vector512<int> special = Vector512.GreaterThan(magnitude, Vector512.Create(0x0f7fffff)) & Vector512.Create(0x7f800000);
        Vector512<int> sign = (h & Vector512.Create(0x8000)) << 16;
        return ((magnitude.AsSingle() * Vector512.Create(Rebias)).AsInt32() | special | sign).AsSingle();
    }
}

/// <summary>Elements of <typeparamref name="TLoader"/> rounded to bf16: bf16 compute where the dot-product kernel is absent.</summary>
internal readonly unsafe struct RoundedLoader<TLoader> : IElementLoader where TLoader : IElementLoader
{
    public static bool FillsLine => TLoader.FillsLine;

    public static bool IsBf16 => TLoader.IsBf16;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void* Address(in MatrixView m, nint row, nint col) => TLoader.Address(m, row, col);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Load1(in MatrixView m, nint row, nint col) => Bf16.Round(TLoader.Load1(m, row, col));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Load4(in MatrixView m, nint row, nint col) =>
        TLoader.IsBf16 ? TLoader.Load4(m, row, col) : Bf16.Round(TLoader.Load4(m, row, col));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Load8(in MatrixView m, nint row, nint col) =>
        TLoader.IsBf16 ? TLoader.Load8(m, row, col) : Bf16.Round(TLoader.Load8(m, row, col));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Load16(in MatrixView m, nint row, nint col) =>
        TLoader.IsBf16 ? TLoader.Load16(m, row, col) : Bf16.Round(TLoader.Load16(m, row, col));
}
