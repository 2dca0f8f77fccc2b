namespace Lorikeet.Tensors.Planning;

/// <summary>
/// A device without memory and without arithmetic: kernels do nothing, addresses lead nowhere, and what the host reads is zero.
/// Code that runs on it makes the same requests to its allocator as it would elsewhere, so that an account kept while it runs
/// is the account of the real run.
/// </summary>
public sealed class DryDevice : IDevice
{
    // No address that a program can own: following it faults.
    private const long FirstAddress = 1L << 61;
    private const long Alignment = 2L << 20;

    private readonly DryKernels _kernels;
    private readonly bool _mapsHost;
    private readonly bool _halfActivations;
    private long _next = FirstAddress;

    /// <summary>Stands in for a device.</summary>
    /// <param name="name">Name of the device that it stands for.</param>
    /// <param name="mapsHost">Whether that device reads files of the host in place.</param>
    /// <param name="halfActivations">Whether it keeps activations in bfloat16 where products compute in it.</param>
    /// <param name="kernels">Stand in for its kernels.</param>
    public DryDevice(string name = "dry", bool mapsHost = true, bool halfActivations = false, DryKernels? kernels = null)
    {
        _kernels = kernels ?? new DryKernels();
        _halfActivations = halfActivations;
        Name = name;
        _mapsHost = mapsHost;
    }

    /// <inheritdoc/>
    public string Name { get; }

    /// <inheritdoc/>
    public IKernels Kernels => _kernels;

    /// <summary>Bytes that kernels of the device would hold for themselves.</summary>
    public long ScratchBytes => _kernels.ScratchBytes;

    /// <summary>Bytes that the allocator took so far.</summary>
    public long AllocatedBytes { get; private set; }

    /// <summary>Bytes of host memory that were made readable in place.</summary>
    public long MappedBytes { get; private set; }

    /// <summary>Bytes that the host handed over so far: inputs of batches, first of all pixels.</summary>
    public long UploadedBytes { get; private set; }

    /// <inheritdoc/>
    public DType ActivationType(Compute compute) => _halfActivations && compute == Compute.BF16 ? DType.BF16 : DType.F32;

    /// <inheritdoc/>
    public nint Allocate(long bytes)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(bytes);
        AllocatedBytes += bytes;
        return Next(bytes);
    }

    /// <inheritdoc/>
    public void Free(nint address, long bytes) => AllocatedBytes -= bytes;

    /// <summary>As the device that it stands for; the address may be 0, for memory that doesn't exist.</summary>
    public nint MapHost(nint hostAddress, long bytes)
    {
        if (!_mapsHost)
        {
            return 0;
        }

        MappedBytes += bytes;
        return hostAddress != 0 ? hostAddress : Next(bytes);
    }

    /// <inheritdoc/>
    public void Upload(ReadOnlySpan<byte> source, nint destination) => UploadedBytes += source.Length;

    /// <inheritdoc/>
    public void Upload(nint hostAddress, long bytes, nint destination)
    {
        // Weights, which the host maps: nothing to keep.
    }

    /// <inheritdoc/>
    public void Download(nint source, Span<byte> destination) => destination.Clear();

    /// <inheritdoc/>
    public void Dispose()
    {
        // Nothing is held.
    }

    private nint Next(long bytes)
    {
        long address = _next;
        _next += Math.Max(1, (bytes + Alignment - 1) / Alignment) * Alignment;
        return (nint)address;
    }
}
