using Lorikeet.Tensors.Cpu;
using Lorikeet.Training.Planning;

namespace Lorikeet.Cli.Planning;

/// <summary>How long a run takes: its operations, over the share of the machine's peak that training steps reached where they were measured.</summary>
/// <param name="PeakGflops">Peak of this machine now, in the run's arithmetic.</param>
/// <param name="Seconds">Of all steps.</param>
/// <param name="SecondsPerStep">Of an average step.</param>
internal sealed record TimeEstimate(double PeakGflops, double Seconds, double SecondsPerStep)
{
    /// <summary>Share of the peak that steps reach; docs/performance.md has the measurements (0.50 to 0.62).</summary>
    public const double Share = 0.55;

    private const int Bursts = 4, Products = 2;

    /// <summary>Measures the peak, a fraction of a second, and estimates.</summary>
    public static TimeEstimate Of(CpuDevice device, RunPlan plan)
    {
        GemmEngine engine = ((CpuKernels)device.Kernels).Gemm;
        bool bf16 = plan.Training.Compute == "bfloat16";
        double peak = Math.Max(ProductProbe.Gflops(engine, bf16, Products), PeakProbe.ComputeGflops(engine, bf16, Bursts));
        double seconds = plan.Training.FlopsPerSample * plan.Training.Samples / (peak * 1e9 * Share);
        return new TimeEstimate(peak, seconds, seconds / plan.Training.Steps);
    }
}
