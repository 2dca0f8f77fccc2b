using System.Globalization;
using Lorikeet.Tensors;
using Lorikeet.Tensors.Cpu;
using Lorikeet.Tracking;
using Lorikeet.Training;
using Lorikeet.Training.Planning;

namespace Lorikeet.Cli;

/// <summary>The chosen device with its allocator, for as long as one command runs.</summary>
internal sealed class ComputeSession : IDisposable
{
    public ComputeSession(Compute compute, int? threads = null)
    {
        Compute = compute;
        Device = threads is null ? new CpuDevice() : new CpuDevice(new CpuOptions { Threads = threads.Value });
        Arena = new Arena(Device);
        Parameters = new Parameters(Device, Arena) { ActivationType = Device.ActivationType(compute) };
    }

    /// <summary>Arithmetic of matrix products.</summary>
    public Compute Compute { get; }

    /// <summary>The device.</summary>
    public CpuDevice Device { get; }

    /// <summary>The allocator.</summary>
    public Arena Arena { get; }

    /// <summary>Makes long-lived tensors.</summary>
    public Parameters Parameters { get; }

    /// <summary>What a training run needs of this session.</summary>
    public RunEnvironment Environment(IRunListener listener, CliHost host)
    {
        GemmEngine gemm = ((CpuKernels)Device.Kernels).Gemm;
        return new RunEnvironment
        {
            Parameters = Parameters,
            Listener = listener,
            InstructionSet = gemm.Path.ToString(),
            HasFastBf16 = gemm.Bf16Fallback is null,
            Clock = host.Clock,
            Host = System.Environment.MachineName,
            Version = ExitCodes.Version,
            Owner = string.Create(CultureInfo.InvariantCulture, $"process {System.Environment.ProcessId} on {System.Environment.MachineName}"),
            Reached = ProvokedFault.Parse(host.Environment(ProvokedFault.Variable)),
        };
    }

    /// <summary>The machine as a plan sees it.</summary>
    public PlanEnvironment PlanEnvironment() => new()
    {
        Device = Device.Name,
        HasFastBf16 = ((CpuKernels)Device.Kernels).Gemm.Bf16Fallback is null,
    };

    /// <summary>A scope for one forward (and backward) pass.</summary>
    public StepScope Scope(bool record, bool training = false) => new(Device, Arena, record) { Compute = Compute, Training = training };

    /// <inheritdoc/>
    public void Dispose()
    {
        Arena.Dispose();
        Device.Dispose();
    }
}
