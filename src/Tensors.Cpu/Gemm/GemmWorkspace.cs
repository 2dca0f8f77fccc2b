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
    private readonly List<(Buffer Buffer, int Thread)> _free = [];
    private long _bytes;

    /// <summary>A rented buffer.</summary>
    internal readonly record struct Buffer(nint Address, long Bytes)
    {
        /// <summary>The memory, aligned to 64 bytes at least.</summary>
        public float* Floats => (float*)Address;
    }

    /// <summary>Bytes held at the moment, rented and free.</summary>
    public long Bytes => Interlocked.Read(ref _bytes);

    /// <summary>
    /// A buffer of at least <paramref name="bytes"/> bytes, uninitialised. A thread gets back the one that it had last where
    /// that fits: its lines are in that core's cache, and fetching them from another core's costs more than packing.
    /// </summary>
    public Buffer Rent(long bytes)
    {
        Buffer found = Take(bytes);
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
                _free.Add((buffer, Environment.CurrentManagedThreadId));
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
            _free.ForEach(entry => Free(entry.Buffer));
            _free.Clear();
        }
    }

    /// <summary>Frees all buffers. No call may be running.</summary>
    public void Dispose() => Trim();

    /// <summary>This thread's latest buffer that is large enough, else any that is, else any; none: default.</summary>
    private Buffer Take(long bytes)
    {
        int thread = Environment.CurrentManagedThreadId;
        lock (_lock)
        {
            int best = -1, rank = -1;
            for (int i = 0; i < _free.Count; i++)
            {
                int r = _free[i].Buffer.Bytes < bytes ? 0 : _free[i].Thread == thread ? 2 : 1;
                if (r >= rank)
                {
                    (best, rank) = (i, r);
                }
            }

            if (best < 0)
            {
                return default;
            }

            Buffer buffer = _free[best].Buffer;
            _free.RemoveAt(best);
            return buffer;
        }
    }

    private void Free(Buffer buffer)
    {
        if (buffer.Address != 0)
        {
            NativeMemory.AlignedFree((void*)buffer.Address);
            Interlocked.Add(ref _bytes, -buffer.Bytes);
        }
    }
}
