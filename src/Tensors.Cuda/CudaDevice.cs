using System.Globalization;
using System.Runtime.CompilerServices;
using Lorikeet.Tensors.Cuda.Driver;

namespace Lorikeet.Tensors.Cuda;

/// <summary>
/// One NVIDIA GPU as a device. All work goes to one stream in the order of the calls; the host waits only when it reads a
/// value or when it is far ahead. Used by one thread at a time.
/// </summary>
public sealed unsafe class CudaDevice : IDevice
{
    /// <summary>The oldest generation of GPUs that kernels are compiled for.</summary>
    public const int OldestMajor = 8;

    // The context that calls of the current thread go to; the driver keeps the same per thread.
    [ThreadStatic]
    private static CudaDevice? s_current;

    private readonly int _device;
    private readonly nint _context;
    private readonly CudaKernels _kernels;
    private readonly Staging _staging;
    private readonly nint _faults;
    private bool _disposed;

    /// <summary>Opens a GPU.</summary>
    /// <exception cref="CudaException">A library is missing or refuses, or there is no such GPU; the message says which.</exception>
    public CudaDevice(CudaOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentOutOfRangeException.ThrowIfNegative(options.Ordinal);
        Driver = new CudaDriver(CudaLibraries.Load(options.Libraries.Driver));
        int count = Driver.DeviceCount;
        if (options.Ordinal >= count)
        {
            throw new CudaUnavailableException(string.Create(CultureInfo.InvariantCulture, $"there is no GPU number {options.Ordinal}: the driver knows {count}, counted from 0"));
        }

        _device = Driver.Device(options.Ordinal);
        int major = Driver.Attribute(DeviceAttribute.ComputeCapabilityMajor, _device), minor = Driver.Attribute(DeviceAttribute.ComputeCapabilityMinor, _device);
        if (major < OldestMajor)
        {
            throw new CudaUnavailableException(string.Create(
                CultureInfo.InvariantCulture,
                $"{Driver.DeviceName(_device)} has compute capability {major}.{minor}; 8.0 or newer is needed (RTX 30 series, A100 and later)"));
        }

        Name = string.Create(CultureInfo.InvariantCulture, $"cuda:{options.Ordinal}");
        Description = Driver.DeviceName(_device);
        Multiprocessors = Driver.Attribute(DeviceAttribute.Multiprocessors, _device);
        SharedBytesPerBlock = Driver.Attribute(DeviceAttribute.SharedBytesPerBlock, _device);
        Architecture = string.Create(CultureInfo.InvariantCulture, $"sm_{major}{minor}");
        _context = Driver.RetainContext(_device);
        MakeCurrent();
        Stream = Driver.CreateStream();
        _staging = new Staging(Driver, Stream);
        _faults = Driver.Allocate(Fault.Bytes);
        Driver.SetBytes(_faults, 0, Fault.Bytes, Stream);
        var cache = new KernelCache(() => new Nvrtc(CudaLibraries.Load(options.Libraries.Nvrtc)), Architecture, options.KernelFolder);
        var products = new CublasLt(CudaLibraries.Load(options.Libraries.CublasLt));
        (int compilerMajor, int compilerMinor) = cache.CompilerVersion;
        Path = string.Create(CultureInfo.InvariantCulture, $"cuda {Architecture} cublasLt {CublasLt.Text(products.Version)} nvrtc {compilerMajor}.{compilerMinor}");
        _kernels = new CudaKernels(this, new KernelLibrary(Driver, cache), products);
    }

    /// <inheritdoc/>
    public string Name { get; }

    /// <summary>The GPU's product name.</summary>
    public string Description { get; }

    /// <summary>What kernels are compiled for, e.g. <c>sm_90</c>.</summary>
    public string Architecture { get; }

    /// <summary>What the bits of results depend on: <c>cuda sm_90 cublasLt 12.4.5 nvrtc 12.4</c>.</summary>
    public string Path { get; }

    /// <summary>Processors on the GPU that each run blocks of threads.</summary>
    public int Multiprocessors { get; }

    /// <inheritdoc/>
    public IKernels Kernels => _kernels;

    /// <summary>Bytes of the GPU's memory that kernels hold for themselves, beside the allocator's account. They only grow.</summary>
    public long ScratchBytes => _kernels.ScratchBytes;

    /// <summary>How often the host waited for all work of the GPU so far.</summary>
    public long Synchronisations { get; private set; }

    /// <summary>Bytes of the GPU's memory: free for anybody, and in all.</summary>
    public (long Free, long Total) Memory
    {
        get
        {
            MakeCurrent();
            return Driver.MemoryInfo();
        }
    }

    internal CudaDriver Driver { get; }

    internal nint Stream { get; }

    /// <summary>Most dynamic shared memory that a block can have, bytes.</summary>
    internal int SharedBytesPerBlock { get; }

    /// <summary>Where kernels report what they refuse; see <see cref="Fault"/>.</summary>
    internal nint Faults => _faults;

    /// <summary>bfloat16 where products compute in it, else f32: a GPU's ops mostly wait for memory.</summary>
    public DType ActivationType(Compute compute) => compute == Compute.BF16 ? DType.BF16 : DType.F32;

    /// <inheritdoc/>
    public nint Allocate(long bytes)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        ArgumentOutOfRangeException.ThrowIfNegative(bytes);
        MakeCurrent();
        nint address = Driver.Allocate(Math.Max(1, bytes));
        if (address == 0)
        {
            (long free, long total) = Driver.MemoryInfo();
            throw new InsufficientMemoryException(string.Create(
                CultureInfo.InvariantCulture, $"{Name} ({Description}) has too little memory: {Mebibytes(bytes)} MiB more are needed in one piece, {Mebibytes(free)} of {Mebibytes(total)} MiB are free"));
        }

        return address;
    }

    /// <inheritdoc/>
    public void Free(nint address, long bytes)
    {
        if (!_disposed)
        {
            MakeCurrent();
            Driver.Free(address);
        }
    }

    /// <summary>A GPU does not read the host's files in place: 0.</summary>
    public nint MapHost(nint hostAddress, long bytes) => 0;

    /// <inheritdoc/>
    public void Upload(ReadOnlySpan<byte> source, nint destination)
    {
        fixed (byte* p = source)
        {
            Upload((nint)p, source.Length, destination);
        }
    }

    /// <inheritdoc/>
    public void Upload(nint hostAddress, long bytes, nint destination)
    {
        MakeCurrent();
        _staging.Upload((byte*)hostAddress, bytes, destination);
    }

    /// <inheritdoc/>
    /// <exception cref="InvalidDataException">An earlier kernel met an index outside its table.</exception>
    public void Download(nint source, Span<byte> destination)
    {
        MakeCurrent();
        Fault fault = default;
        _staging.Download(source, destination, _faults, ref fault);
        Synchronisations++;
        if (fault.Kind != 0)
        {
            Driver.SetBytes(_faults, 0, Fault.Bytes, Stream);
            throw new InvalidDataException(fault.Message);
        }
    }

    /// <summary>Waits for all work so far.</summary>
    public void Synchronize()
    {
        MakeCurrent();
        Driver.Synchronize(Stream);
        Synchronisations++;
    }

    /// <summary>Ends the device and frees all its memory, tensors that still live there included.</summary>
    public void Dispose()
    {
        if (_disposed)
        {
            return;
        }

        _disposed = true;
        MakeCurrent();
        Driver.Synchronize(Stream);
        _kernels.Dispose();
        _staging.Dispose();
        Driver.Free(_faults);
        Driver.DestroyStream(Stream);
        Driver.ReleaseContext(_device);
        s_current = null;
    }

    /// <summary>Address of a tensor's elements for kernels of this device.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal nint Pointer(Tensor x)
    {
        if (!ReferenceEquals(x.Device, this))
        {
            ThrowForeign(x);
        }

        return x.Address;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal void MakeCurrent()
    {
        if (!ReferenceEquals(s_current, this))
        {
            Driver.SetContext(_context);
            s_current = this;
        }
    }

    private static long Mebibytes(long bytes) => (bytes + (1 << 20) - 1) >> 20;

    private void ThrowForeign(Tensor x) =>
        throw new InvalidOperationException($"{Name}: got a tensor of another device ({x}); copy it over through the host first");
}
