using Lorikeet.Cli.Devices;

namespace Lorikeet.Cli.Bench;

/// <summary>
/// What the device reaches at best in bf16: on the processor the larger of multiply-adds on registers and a product of two
/// 2048 x 2048 matrices, on a GPU a product of 8192 x 8192 ones. Measured between steps, so that it and they see the same machine.
/// </summary>
internal sealed class MachinePeak(ComputeSession session)
{
    private readonly DevicePeak _device = DevicePeak.Of(session);

    /// <summary>The best so far in GFLOP/s.</summary>
    public double Gflops { get; private set; }

    /// <summary>The best so far of the product alone in GFLOP/s.</summary>
    public double ProductGflops { get; private set; }

    /// <summary>Measures once more.</summary>
    /// <returns>What it reached now in GFLOP/s.</returns>
    public double Measure()
    {
        double now = _device.Gflops(bf16: true, out double product);
        ProductGflops = Math.Max(ProductGflops, product);
        Gflops = Math.Max(Gflops, now);
        return now;
    }

    /// <summary>How fast memory can be read, GB/s.</summary>
    public double ReadGigabytesPerSecond() => _device.ReadGigabytesPerSecond();
}
