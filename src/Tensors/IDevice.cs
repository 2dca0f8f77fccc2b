namespace Lorikeet.Tensors;

/// <summary>A place where tensors live: raw memory, copies to and from the host, and the kernels that run there.</summary>
/// <remarks>
/// An address is opaque: only the device's own kernels may follow it. Ops reach memory through <see cref="Kernels"/>
/// and through explicit, synchronising copies, so that the same op code runs on every device.
/// </remarks>
public interface IDevice : IDisposable
{
    /// <summary>A short name: <c>cpu</c>, <c>cuda:0</c>.</summary>
    string Name { get; }

    /// <summary>The kernels of this device.</summary>
    IKernels Kernels { get; }

    /// <summary>
    /// Element type in which this device keeps activations and their gradients where matrix products compute in
    /// <paramref name="compute"/>. Statistics, losses, gradients of parameters and what the host uploads stay f32.
    /// </summary>
    DType ActivationType(Compute compute);

    /// <summary>Takes memory from the system, aligned to at least 64 bytes.</summary>
    /// <exception cref="InsufficientMemoryException">The device has no such block left; the message says how much was asked for.</exception>
    nint Allocate(long bytes);

    /// <summary>Gives memory of <see cref="Allocate"/> back.</summary>
    void Free(nint address, long bytes);

    /// <summary>Makes memory of the host readable by the device's kernels without a copy, or returns 0 where that is impossible.</summary>
    nint MapHost(nint hostAddress, long bytes);

    /// <summary>Copies host bytes to the device; returns when the source may be reused.</summary>
    void Upload(ReadOnlySpan<byte> source, nint destination);

    /// <summary>Copies bytes at a host address to the device; returns when the source may be reused.</summary>
    void Upload(nint hostAddress, long bytes, nint destination);

    /// <summary>Waits for all earlier work and copies device bytes to the host.</summary>
    void Download(nint source, Span<byte> destination);
}
