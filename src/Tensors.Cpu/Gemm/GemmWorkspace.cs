using System.Runtime.InteropServices;

namespace Lorikeet.Tensors.Cpu;

/// <summary>
/// Native buffers for packed panels, kept between calls. A call rents one buffer; calls at the same time rent different
/// ones; at most <paramref name="maxKept"/> stay behind. Sizes are bounded by <see cref="GemmDriver"/>'s blocking.
/// </summary>
/// <param name="maxKept">Free buffers that are kept.</param>
internal sealed unsafe class GemmWorkspace(int maxKept) : IDisposable
{
    // Large buffers are aligned to the huge pages of x64, which save TLB misses on panels.
    private const nuint HugePage = 2 << 20;

    private readonly Lock _lock = new();
    private readonly Stack<Buffer> _free = new();
    private long _bytes;

    /// <summary>A rented buffer.</summary>
    internal readonly record struct Buffer(nint Address, long Bytes)
    {
        /// <summary>The memory, aligned to 64 bytes at least.</summary>
        public float* Floats => (float*)Address;
    }

    /// <summary>Bytes held at the moment, rented and free.</summary>
    public long Bytes => Interlocked.Read(ref _bytes);

    /// <summary>A buffer of at least <paramref name="bytes"/> bytes, uninitialised.</summary>
    public Buffer Rent(long bytes)
    {
        Buffer found = default;
        lock (_lock)
        {
            if (_free.Count > 0)
            {
                found = _free.Pop();
            }
        }

        if (found.Bytes >= bytes && found.Address != 0)
        {
            return found;
        }

        Free(found);
        // Small buffers grow in steps, so that a sequence of slightly larger products doesn't allocate each time.
        bytes = Math.Max(bytes + (bytes >> 2), 64 << 10);
        nuint alignment = bytes >= (long)HugePage ? HugePage : 64;
        void* memory = NativeMemory.AlignedAlloc((nuint)bytes, alignment);
        Interlocked.Add(ref _bytes, bytes);
        return new Buffer((nint)memory, bytes);
    }

    /// <summary>Gives a buffer back.</summary>
    public void Return(Buffer buffer)
    {
        lock (_lock)
        {
            if (_free.Count < maxKept)
            {
                _free.Push(buffer);
                return;
            }
        }

        Free(buffer);
    }

    /// <summary>Frees all buffers that are not rented.</summary>
    public void Trim()
    {
        lock (_lock)
        {
            while (_free.Count > 0)
            {
                Free(_free.Pop());
            }
        }
    }

    /// <summary>Frees all buffers. No call may be running.</summary>
    public void Dispose() => Trim();

    private void Free(Buffer buffer)
    {
        if (buffer.Address != 0)
        {
            NativeMemory.AlignedFree((void*)buffer.Address);
            Interlocked.Add(ref _bytes, -buffer.Bytes);
        }
    }
}
