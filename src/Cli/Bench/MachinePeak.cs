using Lorikeet.Tensors.Cpu;

namespace Lorikeet.Cli.Bench;

/// <summary>
/// What all threads together reach at best in bf16: the larger of multiply-adds on registers and a product of two 2048 x 2048
/// matrices. Measured between steps, so that it and they see the same machine.
/// </summary>
internal sealed class MachinePeak(CpuDevice device)
{
    private const int Bursts = 8, Products = 2;
    private readonly GemmEngine _engine = ((CpuKernels)device.Kernels).Gemm;

    /// <summary>The best so far in GFLOP/s.</summary>
    public double Gflops { get; private set; }

    /// <summary>The best so far of the product alone in GFLOP/s.</summary>
    public double ProductGflops { get; private set; }

    /// <summary>Measures once more.</summary>
    /// <returns>What it reached now in GFLOP/s.</returns>
    public double Measure()
    {
        double product = ProductProbe.Gflops(_engine, bf16: true, runs: Products);
        double now = Math.Max(product, PeakProbe.ComputeGflops(_engine, bf16: true, Bursts));
        ProductGflops = Math.Max(ProductGflops, product);
        Gflops = Math.Max(Gflops, now);
        return now;
    }
}
