using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Lorikeet.Tensors.Cpu;

/// <summary>
/// What the machine could do at best, measured on all threads of a pool: multiply-adds on registers only, and reading
/// memory in sequence. For reports (utilisation); nothing is ever chosen by these figures.
/// </summary>
public static unsafe class PeakProbe
{
    private const int BurstSteps = 200_000;

    /// <summary>
    /// Peak rate of the engine's multiply-add instruction in GFLOP/s (2 per multiply-add): the best of several bursts of
    /// about a millisecond in which every thread works on registers only.
    /// </summary>
    /// <param name="engine">Its path and its pool's threads are measured.</param>
    /// <param name="bf16">The bf16 dot product where the engine uses it; otherwise f32.</param>
    /// <param name="bursts">Number of bursts.</param>
    public static double ComputeGflops(GemmEngine engine, bool bf16, int bursts = 20)
    {
        ArgumentNullException.ThrowIfNull(engine);
        bool pairs = bf16 && engine.Path == GemmPath.Avx512Bf16;
        double flopsPerBurst = engine.Pool.Threads * (double)BurstSteps * FlopsPerStep(engine.Path, pairs);
        double best = 0;
        for (int i = 0; i < bursts; i++)
        {
            long start = Stopwatch.GetTimestamp();
            engine.Pool.For(engine.Pool.Threads, new ComputeBody(engine.Path, pairs));
            best = Math.Max(best, flopsPerBurst / Stopwatch.GetElapsedTime(start).TotalSeconds / 1e9);
        }

        return best;
    }

    /// <summary>Rate at which all threads together read memory in sequence, in GB/s (10^9 bytes): the best of several passes.</summary>
    /// <param name="pool">Threads to read with.</param>
    /// <param name="bytes">Size of the buffer: several times the last-level cache. Held only during the call.</param>
    /// <param name="passes">Number of passes.</param>
    /// <exception cref="OutOfMemoryException">The buffer can't be allocated.</exception>
    public static double ReadGigabytesPerSecond(WorkPool pool, long bytes = 256L << 20, int passes = 5)
    {
        ArgumentNullException.ThrowIfNull(pool);
        using var probe = new ReadProbe(bytes);
        double best = 0;
        for (int i = 0; i < passes; i++)
        {
            long start = Stopwatch.GetTimestamp();
            probe.Pass(pool);
            best = Math.Max(best, probe.Bytes / Stopwatch.GetElapsedTime(start).TotalSeconds / 1e9);
        }

        return best;
    }

    private static double FlopsPerStep(GemmPath path, bool pairs) => path switch
    {
        GemmPath.Avx512Bf16 or GemmPath.Avx512 => pairs ? Bf16DotKernel.ProbeFlopsPerStep : 16 * 16 * 2,
        GemmPath.Avx2 => 12 * 8 * 2,
        _ => 12 * 4 * 2,
    };

    private readonly struct ComputeBody(GemmPath path, bool pairs) : IWorkBody
    {
        public void Run(int index)
        {
            float sink = 0;
            if (pairs)
            {
                Bf16DotKernel.Probe(BurstSteps);
            }
            else if (path is GemmPath.Avx512 or GemmPath.Avx512Bf16)
            {
                sink = Chains512(BurstSteps);
            }
            else
            {
                sink = path == GemmPath.Avx2 ? Chains256(BurstSteps) : Chains128(BurstSteps);
            }

            GC.KeepAlive(sink);
        }
    }

    /// <summary>16 independent chains: more than latency times throughput of any core so far.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static float Chains512(int steps)
    {
        Vector512<float> x = Vector512.Create(0.9f), y = Vector512.Create(0.1f);
        Vector512<float> s0 = y, s1 = y, s2 = y, s3 = y, s4 = y, s5 = y, s6 = y, s7 = y, s8 = y, s9 = y, s10 = y, s11 = y, s12 = y, s13 = y, s14 = y, s15 = y;
        for (int i = 0; i < steps; i++)
        {
            s0 = Avx512F.FusedMultiplyAdd(s0, x, y);
            s1 = Avx512F.FusedMultiplyAdd(s1, x, y);
            s2 = Avx512F.FusedMultiplyAdd(s2, x, y);
            s3 = Avx512F.FusedMultiplyAdd(s3, x, y);
            s4 = Avx512F.FusedMultiplyAdd(s4, x, y);
            s5 = Avx512F.FusedMultiplyAdd(s5, x, y);
            s6 = Avx512F.FusedMultiplyAdd(s6, x, y);
            s7 = Avx512F.FusedMultiplyAdd(s7, x, y);
            s8 = Avx512F.FusedMultiplyAdd(s8, x, y);
            s9 = Avx512F.FusedMultiplyAdd(s9, x, y);
            s10 = Avx512F.FusedMultiplyAdd(s10, x, y);
            s11 = Avx512F.FusedMultiplyAdd(s11, x, y);
            s12 = Avx512F.FusedMultiplyAdd(s12, x, y);
            s13 = Avx512F.FusedMultiplyAdd(s13, x, y);
            s14 = Avx512F.FusedMultiplyAdd(s14, x, y);
            s15 = Avx512F.FusedMultiplyAdd(s15, x, y);
        }

        return Vector512.Sum(s0 + s1 + s2 + s3 + s4 + s5 + s6 + s7 + s8 + s9 + s10 + s11 + s12 + s13 + s14 + s15);
    }

    /// <summary>12 independent chains: more than latency times throughput of any core so far.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static float Chains256(int steps)
    {
        Vector256<float> x = Vector256.Create(0.9f), y = Vector256.Create(0.1f);
        Vector256<float> s0 = y, s1 = y, s2 = y, s3 = y, s4 = y, s5 = y, s6 = y, s7 = y, s8 = y, s9 = y, s10 = y, s11 = y;
        for (int i = 0; i < steps; i++)
        {
            s0 = Fma.MultiplyAdd(s0, x, y);
            s1 = Fma.MultiplyAdd(s1, x, y);
            s2 = Fma.MultiplyAdd(s2, x, y);
            s3 = Fma.MultiplyAdd(s3, x, y);
            s4 = Fma.MultiplyAdd(s4, x, y);
            s5 = Fma.MultiplyAdd(s5, x, y);
            s6 = Fma.MultiplyAdd(s6, x, y);
            s7 = Fma.MultiplyAdd(s7, x, y);
            s8 = Fma.MultiplyAdd(s8, x, y);
            s9 = Fma.MultiplyAdd(s9, x, y);
            s10 = Fma.MultiplyAdd(s10, x, y);
            s11 = Fma.MultiplyAdd(s11, x, y);
        }

        return Vector256.Sum(s0 + s1 + s2 + s3 + s4 + s5 + s6 + s7 + s8 + s9 + s10 + s11);
    }

    /// <summary>12 independent chains: more than latency times throughput of any core so far.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static float Chains128(int steps)
    {
        Vector128<float> x = Vector128.Create(0.9f), y = Vector128.Create(0.1f);
        Vector128<float> s0 = y, s1 = y, s2 = y, s3 = y, s4 = y, s5 = y, s6 = y, s7 = y, s8 = y, s9 = y, s10 = y, s11 = y;
        for (int i = 0; i < steps; i++)
        {
            s0 = Vector128.MultiplyAddEstimate(s0, x, y);
            s1 = Vector128.MultiplyAddEstimate(s1, x, y);
            s2 = Vector128.MultiplyAddEstimate(s2, x, y);
            s3 = Vector128.MultiplyAddEstimate(s3, x, y);
            s4 = Vector128.MultiplyAddEstimate(s4, x, y);
            s5 = Vector128.MultiplyAddEstimate(s5, x, y);
            s6 = Vector128.MultiplyAddEstimate(s6, x, y);
            s7 = Vector128.MultiplyAddEstimate(s7, x, y);
            s8 = Vector128.MultiplyAddEstimate(s8, x, y);
            s9 = Vector128.MultiplyAddEstimate(s9, x, y);
            s10 = Vector128.MultiplyAddEstimate(s10, x, y);
            s11 = Vector128.MultiplyAddEstimate(s11, x, y);
        }

        return Vector128.Sum(s0 + s1 + s2 + s3 + s4 + s5 + s6 + s7 + s8 + s9 + s10 + s11);
    }
}
