using System.Diagnostics;
using System.Runtime.InteropServices;

namespace Lorikeet.Tensors.Cpu;

/// <summary>What matrix products reach on this machine, measured. For reports; nothing is ever chosen by these figures.</summary>
public static unsafe class ProductProbe
{
    /// <summary>
    /// Rate of the product <c>A (n, n) * B (n, n)ᵀ</c> in GFLOP/s (2 per multiply-add): the best of several, after one that isn't counted.
    /// </summary>
    /// <param name="engine">The engine to measure.</param>
    /// <param name="bf16">Both matrices stored and multiplied in bf16; otherwise f32.</param>
    /// <param name="n">Rows and columns.</param>
    /// <param name="runs">Number of products that are timed.</param>
    /// <exception cref="OutOfMemoryException">The matrices can't be allocated.</exception>
    public static double Gflops(GemmEngine engine, bool bf16, int n = 2048, int runs = 3)
    {
        ArgumentNullException.ThrowIfNull(engine);
        ArgumentOutOfRangeException.ThrowIfLessThan(n, 1);
        nuint elements = (nuint)n * (nuint)n;
        nuint size = bf16 ? sizeof(ushort) : (nuint)sizeof(float);
        byte* inputs = (byte*)NativeMemory.AlignedAlloc(2 * elements * size, 4096);
        float* result = (float*)NativeMemory.AlignedAlloc(elements * sizeof(float), 4096);
        try
        {
            // Ones: any finite value takes the same time, and zeros would not show a skipped product.
            new Span<uint>(inputs, checked((int)(2 * elements * size / sizeof(uint)))).Fill(bf16 ? 0x3f803f80u : 0x3f800000u);
            var product = new GemmArgs
            {
                A = inputs,
                B = inputs + elements * size,
                AType = bf16 ? DType.BF16 : DType.F32,
                BType = bf16 ? DType.BF16 : DType.F32,
                Lda = n,
                Ldb = n,
                TransB = true,
                C = result,
                Ldc = n,
                M = n,
                N = n,
                K = n,
                Bf16Compute = bf16,
            };
            engine.Run(product);
            double best = 0;
            for (int i = 0; i < runs; i++)
            {
                long start = Stopwatch.GetTimestamp();
                engine.Run(product);
                best = Math.Max(best, 2.0 * n * n * n / Stopwatch.GetElapsedTime(start).TotalSeconds / 1e9);
            }

            return result[0] == n && result[elements - 1] == n ? best : throw new InvalidOperationException($"a product of ones gave {result[0]} instead of {n}");
        }
        finally
        {
            NativeMemory.AlignedFree(inputs);
            NativeMemory.AlignedFree(result);
        }
    }
}
