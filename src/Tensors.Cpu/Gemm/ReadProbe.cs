using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Lorikeet.Tensors.Cpu;

/// <summary>A buffer to read in sequence with all threads of a pool: what decoding is compared with.</summary>
public sealed unsafe class ReadProbe : IDisposable
{
    private const int Items = 64;
    private readonly nint _perItem;
    private byte* _buffer;

    /// <summary>Allocates and fills the buffer.</summary>
    /// <param name="bytes">Size, at least 1 MiB; several times the last-level cache to measure memory.</param>
    /// <exception cref="OutOfMemoryException">The buffer can't be allocated.</exception>
    public ReadProbe(long bytes)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(bytes, 1 << 20);
        _perItem = (nint)(bytes / Items / 256 * 256);
        _buffer = (byte*)NativeMemory.AlignedAlloc((nuint)Bytes, 4096);
        // Written once, so that every page is memory of its own.
        NativeMemory.Fill(_buffer, (nuint)Bytes, 1);
    }

    /// <summary>Bytes read by a pass.</summary>
    public long Bytes => (long)_perItem * Items;

    /// <summary>Reads the buffer once.</summary>
    public void Pass(WorkPool pool)
    {
        ArgumentNullException.ThrowIfNull(pool);
        ObjectDisposedException.ThrowIf(_buffer == null, this);
        pool.For(Items, new Body(_buffer, _perItem));
    }

    /// <summary>Frees the buffer.</summary>
    public void Dispose()
    {
        NativeMemory.AlignedFree(_buffer);
        _buffer = null;
    }

    private readonly struct Body(byte* buffer, nint perItem) : IWorkBody
    {
        private readonly byte* _buffer = buffer;

        public void Run(int index) => GC.KeepAlive(ReadAll(_buffer + index * perItem, perItem));
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static int ReadAll(byte* p, nint bytes)
    {
        Vector256<int> s0 = default, s1 = default, s2 = default, s3 = default;
        for (byte* end = p + bytes; p < end; p += 128)
        {
            s0 |= Vector256.Load((int*)p);
            s1 |= Vector256.Load((int*)(p + 32));
            s2 |= Vector256.Load((int*)(p + 64));
            s3 |= Vector256.Load((int*)(p + 96));
        }

        return Vector256.Sum((s0 | s1) | (s2 | s3));
    }
}
