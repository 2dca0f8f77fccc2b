using Lorikeet.Cli.Terminal;
using Lorikeet.Tensors;
using Lorikeet.Tensors.Cpu;
using Lorikeet.Tensors.Cuda;
using Lorikeet.Training.Config;

namespace Lorikeet.Cli.Devices;

/// <summary>Opens the device that the user asked for, and says which one it is where the user left the choice.</summary>
internal static class DeviceOpener
{
    /// <summary>Opens a device.</summary>
    /// <param name="host">Told what was chosen.</param>
    /// <param name="choice">What was asked for.</param>
    /// <param name="threads">Threads on the processor; null: all.</param>
    /// <exception cref="CudaUnavailableException">A GPU was asked for and there is none that can be used; the message says why.</exception>
    public static IDevice Open(CliHost host, DeviceChoice choice, int? threads = null)
    {
        switch (choice.Kind)
        {
            case DeviceKind.Cpu:
                return Processor(threads);
            case DeviceKind.Cuda:
                return Tell(host, Gpu(host, choice.Ordinal));
            default:
                return Automatic(host) is { } gpu ? Tell(host, gpu) : Processor(threads);
        }
    }

    private static CpuDevice Processor(int? threads) => threads is null ? new CpuDevice() : new CpuDevice(new CpuOptions { Threads = threads.Value });

    private static CudaDevice Gpu(CliHost host, int ordinal) =>
        new(new CudaOptions { Ordinal = ordinal, Libraries = CudaSearch.Find(host), KernelFolder = CudaSearch.KernelFolder(host) });

    /// <summary>A GPU if everything is there. A GPU that cannot be used is told; a machine without one is not worth a word.</summary>
    private static CudaDevice? Automatic(CliHost host)
    {
        CudaLibraries libraries = CudaSearch.Find(host);
        if (libraries.Driver.Path is null || CudaProbe.Look(libraries) is not { Gpus.Count: > 0 } state)
        {
            return null;
        }

        string? problem = !state.Gpus[0].IsNewEnough ? $"compute capability {state.Gpus[0].Capability} is too old (8.0 is needed)"
            : libraries.Missing.Any() ? $"{string.Join(" and ", libraries.Missing.Select(library => library.Name))} {(libraries.Missing.Count() == 1 ? "is" : "are")} missing"
            : state.Unusable.Count > 0 ? state.Unusable[0] : null;
        if (problem is null)
        {
            try
            {
                return new CudaDevice(new CudaOptions { Libraries = libraries, KernelFolder = CudaSearch.KernelFolder(host) });
            }
            catch (CudaException e)
            {
                problem = e.Message;
            }
        }

        host.Messages.WriteLine($"note: computing on the processor; there is a GPU ({state.Gpus[0].Name}), but {problem} (see {host.CommandName} doctor)");
        return null;
    }

    private static CudaDevice Tell(CliHost host, CudaDevice gpu)
    {
        (long free, long total) = gpu.Memory;
        host.Messages.WriteLine($"computing on {gpu.Name}: {gpu.Description}, {Words.Bytes(free)} of {Words.Bytes(total)} free; GPUs are new here and proven on an emulated one only (--device cpu for the processor)");
        return gpu;
    }
}
