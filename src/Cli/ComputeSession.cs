using System.Globalization;
using Lorikeet.Cli.Devices;
using Lorikeet.Tensors;
using Lorikeet.Tensors.Cpu;
using Lorikeet.Tensors.Cuda;
using Lorikeet.Tracking;
using Lorikeet.Training;
using Lorikeet.Training.Config;
using Lorikeet.Training.Planning;

namespace Lorikeet.Cli;

/// <summary>The chosen device with its allocator, for as long as one command runs.</summary>
internal sealed class ComputeSession : IDisposable
{
    /// <summary>Computes on the processor.</summary>
    public ComputeSession(Compute compute, int? threads = null)
        : this(threads is null ? new CpuDevice() : new CpuDevice(new CpuOptions { Threads = threads.Value }), compute)
    {
    }

    /// <summary>Computes on the device that the user chose.</summary>
    public ComputeSession(CliHost host, DeviceChoice device, Compute compute, int? threads = null)
        : this(DeviceOpener.Open(host, device, threads), compute)
    {
    }

    private ComputeSession(IDevice device, Compute compute)
    {
        Compute = compute;
        Device = device;
        Arena = new Arena(Device);
        Parameters = new Parameters(Device, Arena) { ActivationType = Device.ActivationType(compute) };
    }

    /// <summary>Arithmetic of matrix products.</summary>
    public Compute Compute { get; }

    /// <summary>The device.</summary>
    public IDevice Device { get; }

    /// <summary>The GPU, if that is the device.</summary>
    public CudaDevice? Gpu => Device as CudaDevice;

    /// <summary>The allocator.</summary>
    public Arena Arena { get; }

    /// <summary>Makes long-lived tensors.</summary>
    public Parameters Parameters { get; }

    private bool HasFastBf16 => Gpu is not null || ((CpuKernels)Device.Kernels).Gemm.Bf16Fallback is null;

    /// <summary>What a training run needs of this session.</summary>
    public RunEnvironment Environment(IRunListener listener, CliHost host) => new()
    {
        Parameters = Parameters,
        Listener = listener,
        InstructionSet = Gpu?.Path ?? ((CpuKernels)Device.Kernels).Gemm.Path.ToString(),
        HasFastBf16 = HasFastBf16,
        Clock = host.Clock,
        Host = System.Environment.MachineName,
        Version = ExitCodes.Version,
        Owner = string.Create(CultureInfo.InvariantCulture, $"process {System.Environment.ProcessId} on {System.Environment.MachineName}"),
        Reached = ProvokedFault.Parse(host.Environment(ProvokedFault.Variable)),
    };

    /// <summary>The machine as a plan sees it.</summary>
    public PlanEnvironment PlanEnvironment() => new()
    {
        Device = Device.Name,
        MapsFiles = Gpu is null,
        HalfActivations = Device.ActivationType(Compute.BF16) == DType.BF16,
        Kernels = Gpu is { } gpu ? () => new ScratchKernels(gpu.Multiprocessors) : null,
        HasFastBf16 = HasFastBf16,
    };

    /// <summary>A GPU as a plan sees it on a machine that has none: the most multiprocessors that a GPU of today has decide its scratch.</summary>
    public static PlanEnvironment AbsentGpu()
    {
        const int Multiprocessors = 192;
        return new() { Device = "cuda", MapsFiles = false, HalfActivations = true, Kernels = () => new ScratchKernels(Multiprocessors), HasFastBf16 = true };
    }

    /// <summary>A scope for one forward (and backward) pass.</summary>
    public StepScope Scope(bool record, bool training = false) => new(Device, Arena, record) { Compute = Compute, Training = training };

    /// <inheritdoc/>
    public void Dispose()
    {
        Arena.Dispose();
        Device.Dispose();
    }
}
