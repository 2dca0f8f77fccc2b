using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Lorikeet.Tensors.Cpu;

/// <summary>
/// Dot products of 1 to 4 rows of A (f32) with 4 weight rows: <c>sums[4 * i + j] = A[i] . W[row + j]</c>. Lanes hold every
/// 16th product; they are added at the end in a fixed tree. A last incomplete vector is read again from 16 elements before
/// the end with the elements already counted masked out, so that nothing past the row is touched.
/// </summary>
internal static unsafe class DotKernels512
{
    /// <summary>The kernel.</summary>
    /// <param name="a">First row of A.</param>
    /// <param name="lda">Floats from one row of A to the next.</param>
    /// <param name="w">Weights, stored (N, K).</param>
    /// <param name="row">First weight row.</param>
    /// <param name="rows">Weight rows that exist, 1 to 4; sums of others are undefined.</param>
    /// <param name="K">Length, at least 16.</param>
    /// <param name="ahead">How many rows further on weights are asked for, so that memory is read while this block computes.</param>
    /// <param name="sums">16 floats.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Dot<TLoader, TRows>(float* a, nint lda, in MatrixView w, nint row, int rows, nint K, nint ahead, float* sums)
        where TLoader : IElementLoader
        where TRows : ICount
    {
        nint r1 = row + (rows > 1 ? 1 : 0), r2 = row + (rows > 2 ? 2 : 0), r3 = row + (rows > 3 ? 3 : 0);
        Vector512<float> zero = Vector512<float>.Zero;
        Vector512<float> s00 = zero, s01 = zero, s02 = zero, s03 = zero;
        Vector512<float> s10 = zero, s11 = zero, s12 = zero, s13 = zero;
        Vector512<float> s20 = zero, s21 = zero, s22 = zero, s23 = zero;
        Vector512<float> s30 = zero, s31 = zero, s32 = zero, s33 = zero;
        // The rows ahead lie one after the other: asked for in that order, memory is read in sequence.
        byte* next = (byte*)TLoader.Address(w, row + ahead, 0);
        nint k = 0;
        for (; k + 16 <= K; k += 16)
        {
            Sse.Prefetch0(next);
            Sse.Prefetch0(next + 64);
            if (TLoader.FillsLine)
            {
                Sse.Prefetch0(next + 128);
                Sse.Prefetch0(next + 192);
            }

            next += TLoader.FillsLine ? 256 : 128;
            Vector512<float> w0 = TLoader.Load16(w, row, k), w1 = TLoader.Load16(w, r1, k);
            Vector512<float> w2 = TLoader.Load16(w, r2, k), w3 = TLoader.Load16(w, r3, k);
            Step(Vector512.Load(a + k), w0, w1, w2, w3, ref s00, ref s01, ref s02, ref s03);

            if (TRows.Value > 1)
            {
                Step(Vector512.Load(a + lda + k), w0, w1, w2, w3, ref s10, ref s11, ref s12, ref s13);
            }

            if (TRows.Value > 2)
            {
                Step(Vector512.Load(a + 2 * lda + k), w0, w1, w2, w3, ref s20, ref s21, ref s22, ref s23);
            }

            if (TRows.Value > 3)
            {
                Step(Vector512.Load(a + 3 * lda + k), w0, w1, w2, w3, ref s30, ref s31, ref s32, ref s33);
            }
        }

        if (k < K)
        {
            // Lanes below 16 - (K - k) have been counted.
            Vector512<float> mask = Vector512.GreaterThanOrEqual(Vector512<int>.Indices, Vector512.Create((int)(16 - (K - k)))).AsSingle();
            k = K - 16;
            Vector512<float> w0 = TLoader.Load16(w, row, k) & mask, w1 = TLoader.Load16(w, r1, k) & mask;
            Vector512<float> w2 = TLoader.Load16(w, r2, k) & mask, w3 = TLoader.Load16(w, r3, k) & mask;
            Step(Vector512.Load(a + k) & mask, w0, w1, w2, w3, ref s00, ref s01, ref s02, ref s03);

            if (TRows.Value > 1)
            {
                Step(Vector512.Load(a + lda + k) & mask, w0, w1, w2, w3, ref s10, ref s11, ref s12, ref s13);
            }

            if (TRows.Value > 2)
            {
                Step(Vector512.Load(a + 2 * lda + k) & mask, w0, w1, w2, w3, ref s20, ref s21, ref s22, ref s23);
            }

            if (TRows.Value > 3)
            {
                Step(Vector512.Load(a + 3 * lda + k) & mask, w0, w1, w2, w3, ref s30, ref s31, ref s32, ref s33);
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
        Vector512<float> x, Vector512<float> w0, Vector512<float> w1, Vector512<float> w2, Vector512<float> w3,
        ref Vector512<float> s0, ref Vector512<float> s1, ref Vector512<float> s2, ref Vector512<float> s3)
    {
        s0 = Avx512F.FusedMultiplyAdd(w0, x, s0);
        s1 = Avx512F.FusedMultiplyAdd(w1, x, s1);
        s2 = Avx512F.FusedMultiplyAdd(w2, x, s2);
        s3 = Avx512F.FusedMultiplyAdd(w3, x, s3);
    }

    /// <summary>Converts a row of A to f32 as the loader gives it.</summary>
    public static void Convert<TLoader>(in MatrixView m, nint row, nint count, float* dst) where TLoader : IElementLoader
    {
        nint i = 0;
        for (; i + 16 <= count; i += 16)
        {
            TLoader.Load16(m, row, i).Store(dst + i);
        }

        for (; i < count; i++)
        {
            dst[i] = TLoader.Load1(m, row, i);
        }
    }

    /// <summary>The sums over the lanes of four vectors.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<float> Sum(Vector512<float> s0, Vector512<float> s1, Vector512<float> s2, Vector512<float> s3)
    {
        Vector512<double> s01 = (Avx512F.UnpackLow(s0, s1) + Avx512F.UnpackHigh(s0, s1)).AsDouble();
        Vector512<double> s23 = (Avx512F.UnpackLow(s2, s3) + Avx512F.UnpackHigh(s2, s3)).AsDouble();
        Vector512<float> all = Avx512F.UnpackLow(s01, s23).AsSingle() + Avx512F.UnpackHigh(s01, s23).AsSingle();
        Vector256<float> half = all.GetLower() + all.GetUpper();
        return half.GetLower() + half.GetUpper();
    }
}
