using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Lorikeet.Tensors.Cpu;

/// <summary>
/// Turns stored elements into the 4-byte elements of AVX-512 panels: one f32 each, or one pair of bf16 that are neighbours
/// along k (low half: even k), as the bf16 dot product wants them.
/// </summary>
internal unsafe interface IPackSource
{
    /// <summary>Values of k in one panel element: 1 or 2.</summary>
    static abstract int KPerElement { get; }

    /// <summary>Asks for the cache line of an element; outside of the matrix it has no effect.</summary>
    static abstract void Prefetch(in MatrixView m, nint row, nint col);

    /// <summary>Sixteen elements along k from the matrix stored with k contiguous.</summary>
    static abstract Vector512<float> AlongK(in MatrixView m, nint row, nint k);

    /// <summary>As AlongK where only <paramref name="count"/> values of k exist (less than sixteen elements); zeros behind.</summary>
    static abstract Vector512<float> AlongKTail(in MatrixView m, nint row, nint k, int count);

    /// <summary>Sixteen elements of one k across rows, from the matrix stored with k as the row; zero second half if not <paramref name="pair"/>.</summary>
    static abstract Vector512<float> Across16(in MatrixView m, nint k, nint col, bool pair);

    /// <summary>Eight elements, as <see cref="Across16"/>.</summary>
    static abstract Vector256<float> Across8(in MatrixView m, nint k, nint col, bool pair);

    /// <summary>One element, as <see cref="Across16"/>.</summary>
    static abstract float Across1(in MatrixView m, nint k, nint col, bool pair);
}

/// <summary>Panel elements that are f32 values.</summary>
internal readonly unsafe struct SingleSource<TLoader> : IPackSource where TLoader : IElementLoader
{
    public static int KPerElement => 1;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Prefetch(in MatrixView m, nint row, nint col) => Sse.Prefetch0(TLoader.Address(m, row, col));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> AlongK(in MatrixView m, nint row, nint k) => TLoader.Load16(m, row, k);

    public static Vector512<float> AlongKTail(in MatrixView m, nint row, nint k, int count)
    {
        if (k + count >= 16)
        {
            // The vector that ends with the row, its elements from k on moved to the front.
            Vector512<int> lanes = Vector512<int>.Indices;
            Vector512<float> v = Avx512F.PermuteVar16x32(TLoader.Load16(m, row, k + count - 16), lanes + Vector512.Create(16 - count));
            return v & Vector512.LessThan(lanes, Vector512.Create(count)).AsSingle();
        }

        float* staged = stackalloc float[16];
        for (int i = 0; i < 16; i++)
        {
            staged[i] = i < count ? TLoader.Load1(m, row, k + i) : 0;
        }

        return Vector512.Load(staged);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Across16(in MatrixView m, nint k, nint col, bool pair) => TLoader.Load16(m, k, col);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Across8(in MatrixView m, nint k, nint col, bool pair) => TLoader.Load8(m, k, col);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Across1(in MatrixView m, nint k, nint col, bool pair) => TLoader.Load1(m, k, col);
}

/// <summary>Panel elements that are pairs of bf16 along k; other stored types are rounded to nearest even.</summary>
internal readonly unsafe struct PairSource<TLoader> : IPackSource where TLoader : IElementLoader
{
    public static int KPerElement => 2;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Prefetch(in MatrixView m, nint row, nint col) => Sse.Prefetch0(TLoader.Address(m, row, col));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> AlongK(in MatrixView m, nint row, nint k)
    {
        if (TLoader.IsBf16)
        {
            return Vector512.Load((ushort*)m.Data + row * m.Stride + k).AsSingle();
        }

        return JoinHalves(Bf16.RoundBits(TLoader.Load16(m, row, k)), Bf16.RoundBits(TLoader.Load16(m, row, k + 16)));
    }

    public static Vector512<float> AlongKTail(in MatrixView m, nint row, nint k, int count)
    {
        if (k + count >= 32)
        {
            // The vector that ends with the row, its elements from k on moved to the front.
            Vector512<ushort> lanes = Vector512<ushort>.Indices;
            Vector512<ushort> v = AlongK(m, row, k + count - 32).AsUInt16();
            v = Avx512BW.PermuteVar32x16(v, lanes + Vector512.Create((ushort)(32 - count)));
            return (v & Vector512.LessThan(lanes, Vector512.Create((ushort)count))).AsSingle();
        }

        float* staged = stackalloc float[32];
        for (int i = 0; i < 32; i++)
        {
            staged[i] = i < count ? TLoader.Load1(m, row, k + i) : 0;
        }

        return JoinHalves(Bf16.RoundBits(Vector512.Load(staged)), Bf16.RoundBits(Vector512.Load(staged + 16)));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Across16(in MatrixView m, nint k, nint col, bool pair)
    {
        Vector512<int> even = Bits(TLoader.Load16(m, k, col));
        Vector512<int> odd = pair ? Bits(TLoader.Load16(m, k + 1, col)) : Vector512<int>.Zero;
        return Bf16.Pair(even, odd);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Across8(in MatrixView m, nint k, nint col, bool pair)
    {
        Vector256<uint> even = Vector256.ShiftRightLogical(Bf16.Round(TLoader.Load8(m, k, col)).AsUInt32(), 16);
        Vector256<uint> odd = pair ? Bf16.Round(TLoader.Load8(m, k + 1, col)).AsUInt32() : Vector256<uint>.Zero;
        return (even | odd).AsSingle();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Across1(in MatrixView m, nint k, nint col, bool pair)
    {
        uint even = BitConverter.SingleToUInt32Bits(Bf16.Round(TLoader.Load1(m, k, col))) >> 16;
        uint odd = pair ? BitConverter.SingleToUInt32Bits(Bf16.Round(TLoader.Load1(m, k + 1, col))) : 0;
        return BitConverter.UInt32BitsToSingle(even | odd);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<int> Bits(Vector512<float> x) => TLoader.IsBf16 ? x.AsInt32() : Bf16.RoundBits(x);

    /// <summary>The upper halves of 32 consecutive values as 32 consecutive 16-bit values.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> JoinHalves(Vector512<int> first, Vector512<int> second)
    {
        Vector512<ushort> upper = Vector512.Create(
            1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31,
            33, 35, 37, 39, 41, 43, 45, 47, 49, 51, 53, 55, 57, 59, 61, (ushort)63);
        return Avx512BW.PermuteVar32x16x2(first.AsUInt16(), upper, second.AsUInt16()).AsSingle();
    }
}
