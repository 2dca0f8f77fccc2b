using System.Diagnostics;
using Lorikeet.Tensors;
using Lorikeet.Tensors.Cpu;
using Lorikeet.Tensors.Cuda;

namespace Lorikeet.Cli.Devices;

/// <summary>How fast a device can be at best, measured now: in a fraction of a second each, so that it can be repeated between steps.</summary>
internal abstract class DevicePeak
{
    /// <summary>The peak of a session's device.</summary>
    public static DevicePeak Of(ComputeSession session) => session.Gpu is { } gpu ? new GpuPeak(gpu) : new ProcessorPeak((CpuDevice)session.Device);

    /// <summary>What arithmetic alone reaches, GFLOP/s.</summary>
    /// <param name="bf16">With operands of bfloat16, as opposed to float32.</param>
    /// <param name="product">What the best matrix product reaches.</param>
    public abstract double Gflops(bool bf16, out double product);

    /// <summary>Bytes that can be read from memory, GB/s.</summary>
    public abstract double ReadGigabytesPerSecond();

    private sealed class ProcessorPeak(CpuDevice device) : DevicePeak
    {
        private const int Bursts = 8, Products = 2, Passes = 2;
        private readonly GemmEngine _engine = ((CpuKernels)device.Kernels).Gemm;

        public override double Gflops(bool bf16, out double product)
        {
            product = ProductProbe.Gflops(_engine, bf16, runs: Products);
            return Math.Max(product, PeakProbe.ComputeGflops(_engine, bf16, Bursts));
        }

        public override double ReadGigabytesPerSecond() => PeakProbe.ReadGigabytesPerSecond(device.Pool, passes: Passes);
    }

    /// <summary>A product of two large square matrices, and a copy within the GPU's memory, which reads and writes.</summary>
    private sealed class GpuPeak(CudaDevice device) : DevicePeak
    {
        private const int LargeEdge = 8192, MiddleEdge = 2048, SmallEdge = 256, ManyProcessors = 16, Repeats = 4;
        private const long LargeCopy = 1L << 30, SmallCopy = 1L << 20, RoomForLarge = 2L << 30;

        // An emulated or very small GPU would take minutes over the large ones.
        private bool IsSmall => device.Multiprocessors < ManyProcessors;

        public override double Gflops(bool bf16, out double product)
        {
            int edge = IsSmall ? SmallEdge : device.Memory.Free < RoomForLarge ? MiddleEdge : LargeEdge;
            DType type = bf16 ? DType.BF16 : DType.F32;

            // An allocator of its own: what is measured here is no part of the run's account, and goes back to the GPU.
            using var arena = new Arena(device);
            using var scope = new StepScope(device, arena, record: false);
            Tensor a = scope.New(new Shape(edge, edge), type), b = scope.New(new Shape(edge, edge), type), c = scope.New(new Shape(edge, edge));
            device.Kernels.Fill(a, 0.5f);
            device.Kernels.Fill(b, 0.5f);
            var args = new MatMulArgs(a, false, b, true, c, 1f, false, null, bf16 ? Compute.BF16 : Compute.F32);
            double seconds = Timed(() => device.Kernels.MatMul(args));
            return product = 2.0 * edge * edge * edge / seconds / 1e9;
        }

        public override double ReadGigabytesPerSecond()
        {
            long bytes = IsSmall ? SmallCopy : Math.Min(LargeCopy, device.Memory.Free / 8);
            using var arena = new Arena(device);
            using var scope = new StepScope(device, arena, record: false);
            Tensor x = scope.New(new Shape((int)(bytes / sizeof(float)))), y = scope.New(x.Shape);
            device.Kernels.Fill(x, 0);
            return 2.0 * x.Bytes / Timed(() => device.Kernels.Copy(x, y)) / 1e9;
        }

        private double Timed(Action work)
        {
            work();
            device.Synchronize();
            long began = Stopwatch.GetTimestamp();
            for (int i = 0; i < Repeats; i++)
            {
                work();
            }

            device.Synchronize();
            return Stopwatch.GetElapsedTime(began).TotalSeconds / Repeats;
        }
    }
}
