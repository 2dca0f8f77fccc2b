namespace Lorikeet.Tensors.Cpu;

/// <summary>How a <see cref="CpuDevice"/> works.</summary>
public sealed record CpuOptions
{
    /// <summary>Threads that share a kernel's work; 0 means all processors the process may use. Results don't depend on it.</summary>
    public int Threads { get; init; }

    /// <summary>
    /// Hands out addresses that fault when anything but the device's own kernels follows them, starts memory with NaNs and
    /// refuses to map host memory: how a device with its own memory behaves. Device name <c>fake</c>.
    /// </summary>
    public bool PoisonHostAccess { get; init; }

    /// <summary>Computes with the naive scalar kernels that the fast ones are compared with. Device name <c>reference</c>.</summary>
    public bool Reference { get; init; }

    /// <summary>Puts something around the kernels, such as a measurement; or null.</summary>
    public Func<IKernels, IKernels>? Wrap { get; init; }
}
