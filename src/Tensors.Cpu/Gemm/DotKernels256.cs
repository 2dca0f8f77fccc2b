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
    /// <param name="sums">16 floats.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Dot<TLoader, TRows>(float* a, nint lda, in MatrixView w, nint row, int rows, nint K, float* sums)
        where TLoader : IElementLoader
        where TRows : ICount
    {
        nint r1 = row + (rows > 1 ? 1 : 0), r2 = row + (rows > 2 ? 2 : 0), r3 = row + (rows > 3 ? 3 : 0);
        Vector256<float> zero = Vector256<float>.Zero;
        Vector256<float> s00 = zero, s01 = zero, s02 = zero, s03 = zero;
        Vector256<float> s10 = zero, s11 = zero, s12 = zero, s13 = zero;
        Vector256<float> s20 = zero, s21 = zero, s22 = zero, s23 = zero;
        Vector256<float> s30 = zero, s31 = zero, s32 = zero, s33 = zero;
        Vector256<float> mask = Vector256<float>.AllBitsSet;
        nint k = 0;
        while (true)
        {
            Vector256<float> w0 = TLoader.Load8(w, row, k) & mask, w1 = TLoader.Load8(w, r1, k) & mask;
            Vector256<float> w2 = TLoader.Load8(w, r2, k) & mask, w3 = TLoader.Load8(w, r3, k) & mask;
            Vector256<float> x = Vector256.Load(a + k) & mask;
            s00 = Fma.MultiplyAdd(w0, x, s00);
            s01 = Fma.MultiplyAdd(w1, x, s01);
            s02 = Fma.MultiplyAdd(w2, x, s02);
            s03 = Fma.MultiplyAdd(w3, x, s03);
            if (TRows.Value > 1)
            {
                x = Vector256.Load(a + lda + k) & mask;
                s10 = Fma.MultiplyAdd(w0, x, s10);
                s11 = Fma.MultiplyAdd(w1, x, s11);
                s12 = Fma.MultiplyAdd(w2, x, s12);
                s13 = Fma.MultiplyAdd(w3, x, s13);
            }

            if (TRows.Value > 2)
            {
                x = Vector256.Load(a + 2 * lda + k) & mask;
                s20 = Fma.MultiplyAdd(w0, x, s20);
                s21 = Fma.MultiplyAdd(w1, x, s21);
                s22 = Fma.MultiplyAdd(w2, x, s22);
                s23 = Fma.MultiplyAdd(w3, x, s23);
            }

            if (TRows.Value > 3)
            {
                x = Vector256.Load(a + 3 * lda + k) & mask;
                s30 = Fma.MultiplyAdd(w0, x, s30);
                s31 = Fma.MultiplyAdd(w1, x, s31);
                s32 = Fma.MultiplyAdd(w2, x, s32);
                s33 = Fma.MultiplyAdd(w3, x, s33);
            }

            k += 8;
            if (k + 8 > K)
            {
                if (k >= K)
                {
                    break;
                }

                // Lanes below 8 - (K - k) have been counted.
                Vector256<int> first = Vector256.Create((int)(8 - (K - k)));
                mask = Vector256.GreaterThanOrEqual(Vector256<int>.Indices, first).AsSingle();
                k = K - 8;
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
