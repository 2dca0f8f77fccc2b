using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Lorikeet.Tensors.Cpu;

/// <summary>
/// Managed f32 micro-kernels: a tile of C (MR rows, NR columns) = alpha * a * b [+ tile], where <c>a</c> is a panel of MR
/// values per k, <c>b</c> a panel of NR values per k. All accumulators are named locals: an array of them would live in
/// memory. Each element of C is one chain of fused multiply-adds in the order of k, so that a tile's position does not
/// change its result.
/// </summary>
internal static unsafe class MicroKernels
{
    /// <summary>12 rows of 2 vectors of 512 bits (NR = 32): 24 accumulators.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Avx512Tile12x32(nint kc, float* a, float* b, float* c, nint ldc, float alpha, bool accumulate)
    {
        Vector512<float> s0_0 = Vector512<float>.Zero, s0_1 = Vector512<float>.Zero;
        Vector512<float> s1_0 = Vector512<float>.Zero, s1_1 = Vector512<float>.Zero;
        Vector512<float> s2_0 = Vector512<float>.Zero, s2_1 = Vector512<float>.Zero;
        Vector512<float> s3_0 = Vector512<float>.Zero, s3_1 = Vector512<float>.Zero;
        Vector512<float> s4_0 = Vector512<float>.Zero, s4_1 = Vector512<float>.Zero;
        Vector512<float> s5_0 = Vector512<float>.Zero, s5_1 = Vector512<float>.Zero;
        Vector512<float> s6_0 = Vector512<float>.Zero, s6_1 = Vector512<float>.Zero;
        Vector512<float> s7_0 = Vector512<float>.Zero, s7_1 = Vector512<float>.Zero;
        Vector512<float> s8_0 = Vector512<float>.Zero, s8_1 = Vector512<float>.Zero;
        Vector512<float> s9_0 = Vector512<float>.Zero, s9_1 = Vector512<float>.Zero;
        Vector512<float> s10_0 = Vector512<float>.Zero, s10_1 = Vector512<float>.Zero;
        Vector512<float> s11_0 = Vector512<float>.Zero, s11_1 = Vector512<float>.Zero;
        for (nint k = 0; k < kc; k++, a += 12, b += 32)
        {
            Vector512<float> b0 = Vector512.Load(b);
            Vector512<float> b1 = Vector512.Load(b + 16);
            Vector512<float> x = Vector512.Create(a[0]);
            s0_0 = Avx512F.FusedMultiplyAdd(b0, x, s0_0);
            s0_1 = Avx512F.FusedMultiplyAdd(b1, x, s0_1);
            x = Vector512.Create(a[1]);
            s1_0 = Avx512F.FusedMultiplyAdd(b0, x, s1_0);
            s1_1 = Avx512F.FusedMultiplyAdd(b1, x, s1_1);
            x = Vector512.Create(a[2]);
            s2_0 = Avx512F.FusedMultiplyAdd(b0, x, s2_0);
            s2_1 = Avx512F.FusedMultiplyAdd(b1, x, s2_1);
            x = Vector512.Create(a[3]);
            s3_0 = Avx512F.FusedMultiplyAdd(b0, x, s3_0);
            s3_1 = Avx512F.FusedMultiplyAdd(b1, x, s3_1);
            x = Vector512.Create(a[4]);
            s4_0 = Avx512F.FusedMultiplyAdd(b0, x, s4_0);
            s4_1 = Avx512F.FusedMultiplyAdd(b1, x, s4_1);
            x = Vector512.Create(a[5]);
            s5_0 = Avx512F.FusedMultiplyAdd(b0, x, s5_0);
            s5_1 = Avx512F.FusedMultiplyAdd(b1, x, s5_1);
            x = Vector512.Create(a[6]);
            s6_0 = Avx512F.FusedMultiplyAdd(b0, x, s6_0);
            s6_1 = Avx512F.FusedMultiplyAdd(b1, x, s6_1);
            x = Vector512.Create(a[7]);
            s7_0 = Avx512F.FusedMultiplyAdd(b0, x, s7_0);
            s7_1 = Avx512F.FusedMultiplyAdd(b1, x, s7_1);
            x = Vector512.Create(a[8]);
            s8_0 = Avx512F.FusedMultiplyAdd(b0, x, s8_0);
            s8_1 = Avx512F.FusedMultiplyAdd(b1, x, s8_1);
            x = Vector512.Create(a[9]);
            s9_0 = Avx512F.FusedMultiplyAdd(b0, x, s9_0);
            s9_1 = Avx512F.FusedMultiplyAdd(b1, x, s9_1);
            x = Vector512.Create(a[10]);
            s10_0 = Avx512F.FusedMultiplyAdd(b0, x, s10_0);
            s10_1 = Avx512F.FusedMultiplyAdd(b1, x, s10_1);
            x = Vector512.Create(a[11]);
            s11_0 = Avx512F.FusedMultiplyAdd(b0, x, s11_0);
            s11_1 = Avx512F.FusedMultiplyAdd(b1, x, s11_1);
        }

        Vector512<float> scale = Vector512.Create(alpha);
        Put(c, s0_0, s0_1, scale, accumulate);
        Put(c + 1 * ldc, s1_0, s1_1, scale, accumulate);
        Put(c + 2 * ldc, s2_0, s2_1, scale, accumulate);
        Put(c + 3 * ldc, s3_0, s3_1, scale, accumulate);
        Put(c + 4 * ldc, s4_0, s4_1, scale, accumulate);
        Put(c + 5 * ldc, s5_0, s5_1, scale, accumulate);
        Put(c + 6 * ldc, s6_0, s6_1, scale, accumulate);
        Put(c + 7 * ldc, s7_0, s7_1, scale, accumulate);
        Put(c + 8 * ldc, s8_0, s8_1, scale, accumulate);
        Put(c + 9 * ldc, s9_0, s9_1, scale, accumulate);
        Put(c + 10 * ldc, s10_0, s10_1, scale, accumulate);
        Put(c + 11 * ldc, s11_0, s11_1, scale, accumulate);
    }

    /// <summary>6 rows of 2 vectors of 256 bits (NR = 16): 12 accumulators.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Avx2Tile6x16(nint kc, float* a, float* b, float* c, nint ldc, float alpha, bool accumulate)
    {
        Vector256<float> s0_0 = Vector256<float>.Zero, s0_1 = Vector256<float>.Zero;
        Vector256<float> s1_0 = Vector256<float>.Zero, s1_1 = Vector256<float>.Zero;
        Vector256<float> s2_0 = Vector256<float>.Zero, s2_1 = Vector256<float>.Zero;
        Vector256<float> s3_0 = Vector256<float>.Zero, s3_1 = Vector256<float>.Zero;
        Vector256<float> s4_0 = Vector256<float>.Zero, s4_1 = Vector256<float>.Zero;
        Vector256<float> s5_0 = Vector256<float>.Zero, s5_1 = Vector256<float>.Zero;
        for (nint k = 0; k < kc; k++, a += 6, b += 16)
        {
            Vector256<float> b0 = Vector256.Load(b);
            Vector256<float> b1 = Vector256.Load(b + 8);
            Vector256<float> x = Vector256.Create(a[0]);
            s0_0 = Fma.MultiplyAdd(b0, x, s0_0);
            s0_1 = Fma.MultiplyAdd(b1, x, s0_1);
            x = Vector256.Create(a[1]);
            s1_0 = Fma.MultiplyAdd(b0, x, s1_0);
            s1_1 = Fma.MultiplyAdd(b1, x, s1_1);
            x = Vector256.Create(a[2]);
            s2_0 = Fma.MultiplyAdd(b0, x, s2_0);
            s2_1 = Fma.MultiplyAdd(b1, x, s2_1);
            x = Vector256.Create(a[3]);
            s3_0 = Fma.MultiplyAdd(b0, x, s3_0);
            s3_1 = Fma.MultiplyAdd(b1, x, s3_1);
            x = Vector256.Create(a[4]);
            s4_0 = Fma.MultiplyAdd(b0, x, s4_0);
            s4_1 = Fma.MultiplyAdd(b1, x, s4_1);
            x = Vector256.Create(a[5]);
            s5_0 = Fma.MultiplyAdd(b0, x, s5_0);
            s5_1 = Fma.MultiplyAdd(b1, x, s5_1);
        }

        Vector256<float> scale = Vector256.Create(alpha);
        Put(c, s0_0, s0_1, scale, accumulate);
        Put(c + 1 * ldc, s1_0, s1_1, scale, accumulate);
        Put(c + 2 * ldc, s2_0, s2_1, scale, accumulate);
        Put(c + 3 * ldc, s3_0, s3_1, scale, accumulate);
        Put(c + 4 * ldc, s4_0, s4_1, scale, accumulate);
        Put(c + 5 * ldc, s5_0, s5_1, scale, accumulate);
    }

    /// <summary>4 rows of 2 vectors of 128 bits (NR = 8): 8 accumulators.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void PortableTile4x8(nint kc, float* a, float* b, float* c, nint ldc, float alpha, bool accumulate)
    {
        Vector128<float> s0_0 = Vector128<float>.Zero, s0_1 = Vector128<float>.Zero;
        Vector128<float> s1_0 = Vector128<float>.Zero, s1_1 = Vector128<float>.Zero;
        Vector128<float> s2_0 = Vector128<float>.Zero, s2_1 = Vector128<float>.Zero;
        Vector128<float> s3_0 = Vector128<float>.Zero, s3_1 = Vector128<float>.Zero;
        for (nint k = 0; k < kc; k++, a += 4, b += 8)
        {
            Vector128<float> b0 = Vector128.Load(b);
            Vector128<float> b1 = Vector128.Load(b + 4);
            Vector128<float> x = Vector128.Create(a[0]);
            s0_0 = Vector128.MultiplyAddEstimate(b0, x, s0_0);
            s0_1 = Vector128.MultiplyAddEstimate(b1, x, s0_1);
            x = Vector128.Create(a[1]);
            s1_0 = Vector128.MultiplyAddEstimate(b0, x, s1_0);
            s1_1 = Vector128.MultiplyAddEstimate(b1, x, s1_1);
            x = Vector128.Create(a[2]);
            s2_0 = Vector128.MultiplyAddEstimate(b0, x, s2_0);
            s2_1 = Vector128.MultiplyAddEstimate(b1, x, s2_1);
            x = Vector128.Create(a[3]);
            s3_0 = Vector128.MultiplyAddEstimate(b0, x, s3_0);
            s3_1 = Vector128.MultiplyAddEstimate(b1, x, s3_1);
        }

        Vector128<float> scale = Vector128.Create(alpha);
        Put(c, s0_0, s0_1, scale, accumulate);
        Put(c + 1 * ldc, s1_0, s1_1, scale, accumulate);
        Put(c + 2 * ldc, s2_0, s2_1, scale, accumulate);
        Put(c + 3 * ldc, s3_0, s3_1, scale, accumulate);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Put(float* c, Vector512<float> s0, Vector512<float> s1, Vector512<float> scale, bool accumulate)
    {
        if (accumulate)
        {
            Avx512F.FusedMultiplyAdd(s0, scale, Vector512.Load(c)).Store(c);
            Avx512F.FusedMultiplyAdd(s1, scale, Vector512.Load(c + 16)).Store(c + 16);
        }
        else
        {
            (s0 * scale).Store(c);
            (s1 * scale).Store(c + 16);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Put(float* c, Vector256<float> s0, Vector256<float> s1, Vector256<float> scale, bool accumulate)
    {
        if (accumulate)
        {
            Fma.MultiplyAdd(s0, scale, Vector256.Load(c)).Store(c);
            Fma.MultiplyAdd(s1, scale, Vector256.Load(c + 8)).Store(c + 8);
        }
        else
        {
            (s0 * scale).Store(c);
            (s1 * scale).Store(c + 8);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Put(float* c, Vector128<float> s0, Vector128<float> s1, Vector128<float> scale, bool accumulate)
    {
        if (accumulate)
        {
            Vector128.MultiplyAddEstimate(s0, scale, Vector128.Load(c)).Store(c);
            Vector128.MultiplyAddEstimate(s1, scale, Vector128.Load(c + 4)).Store(c + 4);
        }
        else
        {
            (s0 * scale).Store(c);
            (s1 * scale).Store(c + 4);
        }
    }
}
