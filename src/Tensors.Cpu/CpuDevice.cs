using System.Globalization;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Lorikeet.Tensors.Cpu.Interop;
using Lorikeet.Tensors.Cpu.Reference;

namespace Lorikeet.Tensors.Cpu;

/// <summary>The host processor as a device: native memory and vectorised kernels over a pool of threads.</summary>
public sealed unsafe class CpuDevice : IDevice
{
    private const int Alignment = 256;
    private const long PoisonedBytes = 1 << 20;

    // Added to every address handed out by a poisoning device: no x86-64 or arm64 address looks like this, so following it faults.
    private const long Salt = 1L << 61;

    private readonly nint _salt;
    private readonly CpuKernels? _own;
    private bool _disposed;

    /// <summary>Opens the device on all available processors.</summary>
    public CpuDevice()
        : this(new CpuOptions())
    {
    }

    /// <summary>Opens the device.</summary>
    /// <exception cref="ArgumentOutOfRangeException">A negative number of threads.</exception>
    public CpuDevice(CpuOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentOutOfRangeException.ThrowIfNegative(options.Threads);
        Pool = new WorkPool(options.Threads == 0 ? Environment.ProcessorCount : options.Threads);
        _salt = options.PoisonHostAccess ? unchecked((nint)Salt) : 0;
        Name = options.Reference ? "reference" : options.PoisonHostAccess ? "fake" : "cpu";
        _own = options.Reference ? null : new CpuKernels(this);
        Kernels = _own ?? (IKernels)new ReferenceKernels(this);
        Kernels = options.Wrap?.Invoke(Kernels) ?? Kernels;
    }

    /// <inheritdoc/>
    public string Name { get; }

    /// <inheritdoc/>
    public IKernels Kernels { get; }

    /// <summary>The threads that share a kernel's work.</summary>
    public WorkPool Pool { get; }

    /// <summary>f32: the kernels of this device compute in it, and memory is seldom what a step waits for.</summary>
    public DType ActivationType(Compute compute) => DType.F32;

    /// <inheritdoc/>
    public nint Allocate(long bytes)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        ArgumentOutOfRangeException.ThrowIfNegative(bytes);
        nuint alignment = bytes >= HugePages.Size ? (nuint)HugePages.Size : Alignment;
        void* address;
        try
        {
            address = NativeMemory.AlignedAlloc((nuint)Math.Max(1, bytes), alignment);
        }
        catch (OutOfMemoryException e)
        {
            throw new InsufficientMemoryException(string.Create(CultureInfo.InvariantCulture, $"{Name}: the system has no {bytes} bytes left"), e);
        }

        if (bytes >= HugePages.Size)
        {
            HugePages.Advise(address, bytes);
        }

        if (_salt != 0)
        {
            // All bits set is a NaN in every float type. The start is enough for tests, whose tensors are small.
            NativeMemory.Fill(address, (nuint)Math.Min(bytes, PoisonedBytes), 0xFF);
        }

        return (nint)address + _salt;
    }

    /// <inheritdoc/>
    public void Free(nint address, long bytes) => NativeMemory.AlignedFree(Host(address));

    /// <inheritdoc/>
    public nint MapHost(nint hostAddress, long bytes) => _salt == 0 ? hostAddress : 0;

    /// <inheritdoc/>
    public void Upload(ReadOnlySpan<byte> source, nint destination) => source.CopyTo(new Span<byte>(Host(destination), source.Length));

    /// <inheritdoc/>
    public void Upload(nint hostAddress, long bytes, nint destination) =>
        Buffer.MemoryCopy((void*)hostAddress, Host(destination), bytes, bytes);

    /// <inheritdoc/>
    public void Download(nint source, Span<byte> destination) => new ReadOnlySpan<byte>(Host(source), destination.Length).CopyTo(destination);

    /// <summary>Ends the device; blocks still held by allocators stay valid until they are freed.</summary>
    public void Dispose()
    {
        if (_disposed)
        {
            return;
        }

        _disposed = true;
        _own?.Dispose();
        Pool.Dispose();
    }

    /// <summary>Where a tensor's elements really are.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal T* Pointer<T>(Tensor x)
        where T : unmanaged
    {
        if (!ReferenceEquals(x.Device, this))
        {
            ThrowForeign(x);
        }

        return (T*)Host(x.Address);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void* Host(nint address) => (void*)(address - _salt);

    private void ThrowForeign(Tensor x) =>
        throw new InvalidOperationException($"{Name}: got a tensor of another device ({x}); copy it over through the host first");
}
