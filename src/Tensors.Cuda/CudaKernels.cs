using System.Runtime.CompilerServices;
using Lorikeet.Tensors.Cuda.Driver;

namespace Lorikeet.Tensors.Cuda;

/// <summary>
/// The kernels of <see cref="CudaDevice"/>: a C# file per group of ops in <c>Kernels/</c>, beside the CUDA file of the same name.
/// Sums run in an order that the shapes alone decide, without atomics, so that equal inputs give equal bits.
/// </summary>
public sealed unsafe partial class CudaKernels : IKernels, IDisposable
{
    /// <summary>Threads of a block where a kernel has no reason for another number.</summary>
    private const int Block = 256;

    private readonly CudaDevice _device;
    private readonly KernelLibrary _library;
    private readonly CublasLt _products;
    private readonly TablePool _pool;
    private readonly Scratch _left, _right, _bias, _partials, _workspace, _tables;

    internal CudaKernels(CudaDevice device, KernelLibrary library, CublasLt products)
    {
        _device = device;
        _library = library;
        _products = products;
        _pool = new TablePool(device);
        _left = new Scratch(device);
        _right = new Scratch(device);
        _bias = new Scratch(device);
        _partials = new Scratch(device);
        _workspace = new Scratch(device);
        _tables = new Scratch(device);
    }

    /// <summary>Bytes of scratch memory that kernels hold beside the allocator's account.</summary>
    public long ScratchBytes => _left.Bytes + _right.Bytes + _bias.Bytes + _partials.Bytes + _workspace.Bytes + _tables.Bytes;

    /// <summary>Kernels started so far, products of cuBLASLt included.</summary>
    public long Launches { get; private set; }

    /// <summary>Gives scratch memory back and unloads the kernels.</summary>
    public void Dispose()
    {
        _products.Dispose();
        _library.Dispose();
        _pool.Dispose();
        foreach (Scratch scratch in (Scratch[])[_left, _right, _bias, _partials, _workspace, _tables])
        {
            scratch.Dispose();
        }
    }

    /// <summary>The name of an element type in kernel files.</summary>
    private static string TypeName(DType type) => type switch
    {
        DType.F32 => "float",
        DType.BF16 => "bf16",
        DType.F16 => "f16",
        _ => throw new ArgumentException($"{type} is not a float type"),
    };

    /// <summary>Macros for kernels that read one type and write another.</summary>
    private static string Types(Tensor x, Tensor y) => (x.DType, y.DType) switch
    {
        (DType.F32, DType.F32) => "X=float Y=float",
        (DType.BF16, DType.BF16) => "X=bf16 Y=bf16",
        _ => $"X={TypeName(x.DType)} Y={TypeName(y.DType)}",
    };

    private static long Ceil(long n, long step) => (n + step - 1) / step;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private nint Ptr(Tensor x) => _device.Pointer(x);

    private nint PtrOrNull(Tensor? x) => x is null ? 0 : _device.Pointer(x);

    /// <summary>Starts a kernel; nothing where there is nothing to do.</summary>
    private void Launch<T>(in KernelName name, in LaunchShape shape, in T parameters)
        where T : unmanaged
    {
        if (shape.GridX == 0 || shape.GridY == 0 || shape.GridZ == 0)
        {
            return;
        }

        _device.MakeCurrent();
        nint function = _library.Function(name, (int)shape.SharedBytes);
        _device.Driver.Launch(function, shape, parameters, _device.Stream);
        Launches++;
    }

    /// <summary>Starts a kernel that does four elements per thread.</summary>
    private void Elements<T>(in KernelName name, long n, in T parameters)
        where T : unmanaged => Launch(name, new LaunchShape(Ceil(n, 4 * Block), Block), parameters);

    /// <summary>Whether elements can be read four at a time: every address a multiple of 16 bytes (8 for 16-bit types is enough), every row a multiple of four.</summary>
    private static int Vector(long columns, params ReadOnlySpan<nint> addresses)
    {
        nint bits = 0;
        foreach (nint address in addresses)
        {
            bits |= address;
        }

        return columns % 4 == 0 && (bits & 15) == 0 ? 1 : 0;
    }

    /// <summary>A vector of any float type as f32: itself, or converted into the scratch memory.</summary>
    private nint AsFloats(Tensor x, Scratch scratch)
    {
        if (x.DType == DType.F32)
        {
            return Ptr(x);
        }

        nint y = scratch.Take(x.Count * sizeof(float));
        Convert(Ptr(x), x.DType, y, DType.F32, x.Count);
        return y;
    }

    /// <summary>One block of device memory that grows to the largest request.</summary>
    private sealed class Scratch(CudaDevice device) : IDisposable
    {
        private nint _address;

        /// <summary>Bytes held.</summary>
        public long Bytes { get; private set; }

        /// <summary>At least so many bytes, contents undefined; valid until the next call.</summary>
        public nint Take(long bytes)
        {
            if (bytes > Bytes)
            {
                // The driver frees only after all work that was started before.
                Dispose();
                long size = Ceil(bytes, 1 << 20) << 20;
                _address = device.Allocate(size);
                Bytes = size;
            }

            return _address;
        }

        public void Dispose()
        {
            if (_address != 0)
            {
                device.Driver.Free(_address);
                _address = 0;
                Bytes = 0;
            }
        }
    }
}
