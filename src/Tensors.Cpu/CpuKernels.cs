using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Lorikeet.Tensors.Cpu;

/// <summary>
/// The kernels of <see cref="CpuDevice"/>, one file per op. All are written for <c>Vector512</c>, which the runtime splits
/// where the processor has narrower registers. Work is cut into chunks by shape, so results don't depend on the number of threads.
/// Kernels of one device are called from one thread at a time.
/// </summary>
public sealed unsafe partial class CpuKernels : IKernels, IDisposable
{
    // Elements per chunk: a few microseconds of work, far more than handing a chunk to a thread costs.
    private const int Grain = 8192;

    private readonly CpuDevice _device;
    private readonly FlashAttention _attention;
    private readonly ScratchMemory _weights = new(), _biases = new(), _partials = new();

    internal CpuKernels(CpuDevice device)
    {
        _device = device;
        Gemm = new GemmEngine(device.Pool);
        _attention = new FlashAttention(device.Pool);
    }

    /// <summary>What computes matrix products.</summary>
    public GemmEngine Gemm { get; }

    /// <summary>Gives scratch memory back.</summary>
    public void Dispose()
    {
        Gemm.Dispose();
        _attention.Dispose();
        _weights.Dispose();
        _biases.Dispose();
        _partials.Dispose();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private T* Ptr<T>(Tensor x)
        where T : unmanaged => _device.Pointer<T>(x);

    private T* PtrOrNull<T>(Tensor? x)
        where T : unmanaged => x is null ? null : _device.Pointer<T>(x);

    /// <summary>Runs a body over [0, n) in chunks of <paramref name="grain"/>.</summary>
    private void Ranges<TBody>(long n, long grain, TBody body)
        where TBody : struct, IRangeBody
    {
        if (n <= grain)
        {
            if (n > 0)
            {
                body.Run(0, n);
            }

            return;
        }

        _device.Pool.For(checked((int)((n + grain - 1) / grain)), new ChunkBody<TBody>(n, grain, body));
    }

    /// <summary>Runs a body over element ranges.</summary>
    private void Elements<TBody>(long n, TBody body)
        where TBody : struct, IRangeBody => Ranges(n, Grain, body);

    /// <summary>Runs a body over ranges of rows of <paramref name="columns"/> elements.</summary>
    private void Rows<TBody>(long rows, long columns, TBody body)
        where TBody : struct, IRangeBody => Ranges(rows, Math.Max(1, Grain / Math.Max(1, columns)), body);

    /// <summary>A vector of any float type as f32: itself, or converted into the scratch memory.</summary>
    private float* AsFloats(Tensor x, ScratchMemory scratch)
    {
        if (x.DType == DType.F32)
        {
            return Ptr<float>(x);
        }

        float* y = (float*)scratch.Take(x.Count * sizeof(float));
        Convert(Ptr<byte>(x), x.DType, (byte*)y, DType.F32, x.Count);
        return y;
    }
}

/// <summary>Item i of a loop is range [i grain, (i + 1) grain).</summary>
internal readonly struct ChunkBody<TBody>(long n, long grain, TBody body) : IWorkBody
    where TBody : struct, IRangeBody
{
    private readonly TBody _body = body;

    public void Run(int index)
    {
        long start = index * grain;
        _body.Run(start, Math.Min(n, start + grain));
    }
}

/// <summary>The body of a loop over ranges. Ranges may run at the same time: each writes only what belongs to it.</summary>
internal interface IRangeBody
{
    /// <summary>Does [start, end).</summary>
    void Run(long start, long end);
}

/// <summary>One block of native memory that grows to the largest request.</summary>
internal sealed unsafe class ScratchMemory : IDisposable
{
    private const int Alignment = 64;
    private void* _address;
    private long _bytes;

    /// <summary>At least so many bytes, contents undefined; valid until the next call.</summary>
    public void* Take(long bytes)
    {
        if (bytes > _bytes)
        {
            Dispose();
            _address = NativeMemory.AlignedAlloc((nuint)bytes, Alignment);
            _bytes = bytes;
        }

        return _address;
    }

    public void Dispose()
    {
        NativeMemory.AlignedFree(_address);
        _address = null;
        _bytes = 0;
    }
}
