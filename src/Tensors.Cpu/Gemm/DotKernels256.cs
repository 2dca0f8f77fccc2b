using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Lorikeet.Tensors.Cpu;

/// <summary>
/// Dot products of 1 to 4 rows of A (f32) with 4 weight rows: <c>sums[4 * i + j] = A[i] . W[row + j]</c>. Lanes hold every
/// 8th product; they are added at the end in a fixed tree. A last incomplete vector is read again from 8 elements before
/// the end with the elements already counted masked out, so that nothing past the row is touched.
/// </summary>
internal static unsafe class DotKernels256
{
    /// <summary>The kernel.</summary>
    /// <param name="a">First row of A.</param>
    /// <param name="lda">Floats from one row of A to the next.</param>
    /// <param name="w">Weights, stored (N, K).</param>
    /// <param name="row">First weight row.</param>
    /// <param name="rows">Weight rows that exist, 1 to 4; sums of others are undefined.</param>
    /// <param name="K">Length, at least 8.</param>
    /// <param name="ahead">How many rows further on weights are asked for, so that memory is read while this block computes.</param>
    /// <param name="sums">16 floats.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Dot<TLoader, TRows>(float* a, nint lda, in MatrixView w, nint row, int rows, nint K, nint ahead, float* sums)
        where TLoader : IElementLoader
        where TRows : ICount
    {
        nint r1 = row + (rows > 1 ? 1 : 0), r2 = row + (rows > 2 ? 2 : 0), r3 = row + (rows > 3 ? 3 : 0);
        Vector256<float> zero = Vector256<float>.Zero;
        Vector256<float> s00 = zero, s01 = zero, s02 = zero, s03 = zero;
        Vector256<float> s10 = zero, s11 = zero, s12 = zero, s13 = zero;
        Vector256<float> s20 = zero, s21 = zero, s22 = zero, s23 = zero;
        Vector256<float> s30 = zero, s31 = zero, s32 = zero, s33 = zero;
        // The rows ahead lie one after the other: asked for in that order, memory is read in sequence.
        byte* next = (byte*)TLoader.Address(w, row + ahead, 0);
        nint k = 0;
        for (; k + 8 <= K; k += 8)
        {
            Sse.Prefetch0(next);
            if (TLoader.FillsLine)
            {
                Sse.Prefetch0(next + 64);
            }

            next += TLoader.FillsLine ? 128 : 64;
            Vector256<float> w0 = TLoader.Load8(w, row, k), w1 = TLoader.Load8(w, r1, k);
            Vector256<float> w2 = TLoader.Load8(w, r2, k), w3 = TLoader.Load8(w, r3, k);
            Step(Vector256.Load(a + k), w0, w1, w2, w3, ref s00, ref s01, ref s02, ref s03);

            if (TRows.Value > 1)
            {
                Step(Vector256.Load(a + lda + k), w0, w1, w2, w3, ref s10, ref s11, ref s12, ref s13);
            }

            if (TRows.Value > 2)
            {
                Step(Vector256.Load(a + 2 * lda + k), w0, w1, w2, w3, ref s20, ref s21, ref s22, ref s23);
            }

            if (TRows.Value > 3)
            {
                Step(Vector256.Load(a + 3 * lda + k), w0, w1, w2, w3, ref s30, ref s31, ref s32, ref s33);
            }
        }

        if (k < K)
        {
            // Lanes below 8 - (K - k) have been counted.
            Vector256<float> mask = Vector256.GreaterThanOrEqual(Vector256<int>.Indices, Vector256.Create((int)(8 - (K - k)))).AsSingle();
            k = K - 8;
            Vector256<float> w0 = TLoader.Load8(w, row, k) & mask, w1 = TLoader.Load8(w, r1, k) & mask;
            Vector256<float> w2 = TLoader.Load8(w, r2, k) & mask, w3 = TLoader.Load8(w, r3, k) & mask;
            Step(Vector256.Load(a + k) & mask, w0, w1, w2, w3, ref s00, ref s01, ref s02, ref s03);

            if (TRows.Value > 1)
            {
                Step(Vector256.Load(a + lda + k) & mask, w0, w1, w2, w3, ref s10, ref s11, ref s12, ref s13);
            }

            if (TRows.Value > 2)
            {
                Step(Vector256.Load(a + 2 * lda + k) & mask, w0, w1, w2, w3, ref s20, ref s21, ref s22, ref s23);
            }

            if (TRows.Value > 3)
            {
                Step(Vector256.Load(a + 3 * lda + k) & mask, w0, w1, w2, w3, ref s30, ref s31, ref s32, ref s33);
            }
        }

        Sum(s00, s01, s02, s03).Store(sums);
        if (TRows.Value > 1)
        {
            Sum(s10, s11, s12, s13).Store(sums + 4);
        }

        if (TRows.Value > 2)
        {
            Sum(s20, s21, s22, s23).Store(sums + 8);
        }

        if (TRows.Value > 3)
        {
            Sum(s30, s31, s32, s33).Store(sums + 12);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Step(
        Vector256<float> x, Vector256<float> w0, Vector256<float> w1, Vector256<float> w2, Vector256<float> w3,
        ref Vector256<float> s0, ref Vector256<float> s1, ref Vector256<float> s2, ref Vector256<float> s3)
    {
        s0 = Fma.MultiplyAdd(w0, x, s0);
        s1 = Fma.MultiplyAdd(w1, x, s1);
        s2 = Fma.MultiplyAdd(w2, x, s2);
        s3 = Fma.MultiplyAdd(w3, x, s3);
    }

    /// <summary>Converts a row of A to f32 as the loader gives it.</summary>
    public static void Convert<TLoader>(in MatrixView m, nint row, nint count, float* dst) where TLoader : IElementLoader
    {
        nint i = 0;
        for (; i + 8 <= count; i += 8)
        {
            TLoader.Load8(m, row, i).Store(dst + i);
        }

        for (; i < count; i++)
        {
            dst[i] = TLoader.Load1(m, row, i);
        }
    }

    /// <summary>The sums over the lanes of four vectors.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<float> Sum(Vector256<float> s0, Vector256<float> s1, Vector256<float> s2, Vector256<float> s3)
    {
        Vector256<double> s01 = (Avx.UnpackLow(s0, s1) + Avx.UnpackHigh(s0, s1)).AsDouble();
        Vector256<double> s23 = (Avx.UnpackLow(s2, s3) + Avx.UnpackHigh(s2, s3)).AsDouble();
        Vector256<float> all = Avx.UnpackLow(s01, s23).AsSingle() + Avx.UnpackHigh(s01, s23).AsSingle();
        return all.GetLower() + all.GetUpper();
    }
}
