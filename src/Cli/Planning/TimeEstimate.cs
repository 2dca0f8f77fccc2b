using Lorikeet.Cli.Devices;
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

    /// <summary>Measures the peak, a fraction of a second, and estimates.</summary>
    public static TimeEstimate Of(DevicePeak device, RunPlan plan)
    {
        double peak = device.Gflops(plan.Training.Compute == "bfloat16", out _);
        double seconds = plan.Training.FlopsPerSample * plan.Training.Samples / (peak * 1e9 * Share);
        return new TimeEstimate(peak, seconds, seconds / plan.Training.Steps);
    }
}
