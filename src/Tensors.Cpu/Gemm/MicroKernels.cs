using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Lorikeet.Tensors.Cpu;

/// <summary>
/// Managed f32 micro-kernels: a tile of C (MR rows, NR columns) = alpha * a * b [+ tile], where <c>a</c> is a panel of MR
/// values per k, <c>b</c> a panel of NR values per k. All accumulators are named locals: an array of them would live in
/// memory. Partial tiles have kernels of their own (fewer row groups, one vector of columns) on the same panels. Each
/// element of C is one chain of fused multiply-adds in the order of k, so that a tile's position does not change its result.
/// </summary>
internal static unsafe class MicroKernels
{
    /// <summary>Tile of 12 rows and 32 columns, of which 4 rows per row group and 16 columns per vector are computed and written.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Avx512<TGroups, TVectors>(nint kc, float* a, float* b, float* c, nint ldc, float alpha, bool accumulate)
        where TGroups : ICount
        where TVectors : ICount
    {
        // C is wanted at the end; its rows are far apart, so it would be waited for.
        for (int i = 0; i < 4 * TGroups.Value; i++)
        {
            Sse.Prefetch0(c + i * ldc);
            if (TVectors.Value > 1)
            {
                Sse.Prefetch0(c + i * ldc + 16);
            }
        }

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
            Vector512<float> b1 = TVectors.Value > 1 ? Vector512.Load(b + 16) : Vector512<float>.Zero;
            Step<TVectors>(a[0], b0, b1, ref s0_0, ref s0_1);
            Step<TVectors>(a[1], b0, b1, ref s1_0, ref s1_1);
            Step<TVectors>(a[2], b0, b1, ref s2_0, ref s2_1);
            Step<TVectors>(a[3], b0, b1, ref s3_0, ref s3_1);

            if (TGroups.Value > 1)
            {
                Step<TVectors>(a[4], b0, b1, ref s4_0, ref s4_1);
                Step<TVectors>(a[5], b0, b1, ref s5_0, ref s5_1);
                Step<TVectors>(a[6], b0, b1, ref s6_0, ref s6_1);
                Step<TVectors>(a[7], b0, b1, ref s7_0, ref s7_1);
            }

            if (TGroups.Value > 2)
            {
                Step<TVectors>(a[8], b0, b1, ref s8_0, ref s8_1);
                Step<TVectors>(a[9], b0, b1, ref s9_0, ref s9_1);
                Step<TVectors>(a[10], b0, b1, ref s10_0, ref s10_1);
                Step<TVectors>(a[11], b0, b1, ref s11_0, ref s11_1);
            }
        }

        Vector512<float> scale = Vector512.Create(alpha);
        Put<TVectors>(c, s0_0, s0_1, scale, accumulate);
        Put<TVectors>(c + 1 * ldc, s1_0, s1_1, scale, accumulate);
        Put<TVectors>(c + 2 * ldc, s2_0, s2_1, scale, accumulate);
        Put<TVectors>(c + 3 * ldc, s3_0, s3_1, scale, accumulate);

        if (TGroups.Value > 1)
        {
            Put<TVectors>(c + 4 * ldc, s4_0, s4_1, scale, accumulate);
            Put<TVectors>(c + 5 * ldc, s5_0, s5_1, scale, accumulate);
            Put<TVectors>(c + 6 * ldc, s6_0, s6_1, scale, accumulate);
            Put<TVectors>(c + 7 * ldc, s7_0, s7_1, scale, accumulate);
        }

        if (TGroups.Value > 2)
        {
            Put<TVectors>(c + 8 * ldc, s8_0, s8_1, scale, accumulate);
            Put<TVectors>(c + 9 * ldc, s9_0, s9_1, scale, accumulate);
            Put<TVectors>(c + 10 * ldc, s10_0, s10_1, scale, accumulate);
            Put<TVectors>(c + 11 * ldc, s11_0, s11_1, scale, accumulate);
        }
    }

    /// <summary>Tile of 6 rows and 16 columns, of which 2 rows per row group and 8 columns per vector are computed and written.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Avx2<TGroups, TVectors>(nint kc, float* a, float* b, float* c, nint ldc, float alpha, bool accumulate)
        where TGroups : ICount
        where TVectors : ICount
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
            Vector256<float> b1 = TVectors.Value > 1 ? Vector256.Load(b + 8) : Vector256<float>.Zero;
            Step<TVectors>(a[0], b0, b1, ref s0_0, ref s0_1);
            Step<TVectors>(a[1], b0, b1, ref s1_0, ref s1_1);

            if (TGroups.Value > 1)
            {
                Step<TVectors>(a[2], b0, b1, ref s2_0, ref s2_1);
                Step<TVectors>(a[3], b0, b1, ref s3_0, ref s3_1);
            }

            if (TGroups.Value > 2)
            {
                Step<TVectors>(a[4], b0, b1, ref s4_0, ref s4_1);
                Step<TVectors>(a[5], b0, b1, ref s5_0, ref s5_1);
            }
        }

        Vector256<float> scale = Vector256.Create(alpha);
        Put<TVectors>(c, s0_0, s0_1, scale, accumulate);
        Put<TVectors>(c + 1 * ldc, s1_0, s1_1, scale, accumulate);

        if (TGroups.Value > 1)
        {
            Put<TVectors>(c + 2 * ldc, s2_0, s2_1, scale, accumulate);
            Put<TVectors>(c + 3 * ldc, s3_0, s3_1, scale, accumulate);
        }

        if (TGroups.Value > 2)
        {
            Put<TVectors>(c + 4 * ldc, s4_0, s4_1, scale, accumulate);
            Put<TVectors>(c + 5 * ldc, s5_0, s5_1, scale, accumulate);
        }
    }

    /// <summary>Tile of 4 rows and 8 columns, of which 4 rows per row group and 4 columns per vector are computed and written.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Portable<TGroups, TVectors>(nint kc, float* a, float* b, float* c, nint ldc, float alpha, bool accumulate)
        where TGroups : ICount
        where TVectors : ICount
    {
        Vector128<float> s0_0 = Vector128<float>.Zero, s0_1 = Vector128<float>.Zero;
        Vector128<float> s1_0 = Vector128<float>.Zero, s1_1 = Vector128<float>.Zero;
        Vector128<float> s2_0 = Vector128<float>.Zero, s2_1 = Vector128<float>.Zero;
        Vector128<float> s3_0 = Vector128<float>.Zero, s3_1 = Vector128<float>.Zero;
        for (nint k = 0; k < kc; k++, a += 4, b += 8)
        {
            Vector128<float> b0 = Vector128.Load(b);
            Vector128<float> b1 = TVectors.Value > 1 ? Vector128.Load(b + 4) : Vector128<float>.Zero;
            Step<TVectors>(a[0], b0, b1, ref s0_0, ref s0_1);
            Step<TVectors>(a[1], b0, b1, ref s1_0, ref s1_1);
            Step<TVectors>(a[2], b0, b1, ref s2_0, ref s2_1);
            Step<TVectors>(a[3], b0, b1, ref s3_0, ref s3_1);
        }

        Vector128<float> scale = Vector128.Create(alpha);
        Put<TVectors>(c, s0_0, s0_1, scale, accumulate);
        Put<TVectors>(c + 1 * ldc, s1_0, s1_1, scale, accumulate);
        Put<TVectors>(c + 2 * ldc, s2_0, s2_1, scale, accumulate);
        Put<TVectors>(c + 3 * ldc, s3_0, s3_1, scale, accumulate);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Step<TVectors>(float a, Vector512<float> b0, Vector512<float> b1, ref Vector512<float> s0, ref Vector512<float> s1)
        where TVectors : ICount
    {
        Vector512<float> x = Vector512.Create(a);
        s0 = Avx512F.FusedMultiplyAdd(b0, x, s0);
        if (TVectors.Value > 1)
        {
            s1 = Avx512F.FusedMultiplyAdd(b1, x, s1);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Step<TVectors>(float a, Vector256<float> b0, Vector256<float> b1, ref Vector256<float> s0, ref Vector256<float> s1)
        where TVectors : ICount
    {
        Vector256<float> x = Vector256.Create(a);
        s0 = Fma.MultiplyAdd(b0, x, s0);
        if (TVectors.Value > 1)
        {
            s1 = Fma.MultiplyAdd(b1, x, s1);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Step<TVectors>(float a, Vector128<float> b0, Vector128<float> b1, ref Vector128<float> s0, ref Vector128<float> s1)
        where TVectors : ICount
    {
        Vector128<float> x = Vector128.Create(a);
        s0 = Vector128.MultiplyAddEstimate(b0, x, s0);
        if (TVectors.Value > 1)
        {
            s1 = Vector128.MultiplyAddEstimate(b1, x, s1);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Put<TVectors>(float* c, Vector512<float> s0, Vector512<float> s1, Vector512<float> scale, bool accumulate)
        where TVectors : ICount
    {
        (accumulate ? Avx512F.FusedMultiplyAdd(s0, scale, Vector512.Load(c)) : s0 * scale).Store(c);
        if (TVectors.Value > 1)
        {
            (accumulate ? Avx512F.FusedMultiplyAdd(s1, scale, Vector512.Load(c + 16)) : s1 * scale).Store(c + 16);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Put<TVectors>(float* c, Vector256<float> s0, Vector256<float> s1, Vector256<float> scale, bool accumulate)
        where TVectors : ICount
    {
        (accumulate ? Fma.MultiplyAdd(s0, scale, Vector256.Load(c)) : s0 * scale).Store(c);
        if (TVectors.Value > 1)
        {
            (accumulate ? Fma.MultiplyAdd(s1, scale, Vector256.Load(c + 8)) : s1 * scale).Store(c + 8);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Put<TVectors>(float* c, Vector128<float> s0, Vector128<float> s1, Vector128<float> scale, bool accumulate)
        where TVectors : ICount
    {
        (accumulate ? Vector128.MultiplyAddEstimate(s0, scale, Vector128.Load(c)) : s0 * scale).Store(c);
        if (TVectors.Value > 1)
        {
            (accumulate ? Vector128.MultiplyAddEstimate(s1, scale, Vector128.Load(c + 4)) : s1 * scale).Store(c + 4);
        }
    }
}
