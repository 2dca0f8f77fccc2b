using System.Runtime.InteropServices;

namespace Lorikeet.Tensors.Cpu;

/// <summary>Native scratch memory that stays between calls: a few buffers, whatever the number of items.</summary>
internal sealed unsafe class ScratchPool(int kept) : IDisposable
{
    private readonly Lock _lock = new();
    private readonly Stack<Buffer> _free = new();
    private long _bytes;

    /// <summary>A rented buffer, aligned to 64 bytes and uninitialised.</summary>
    internal readonly record struct Buffer(nint Address, long Bytes);

    /// <summary>Bytes held, rented and free.</summary>
    public long Bytes => Interlocked.Read(ref _bytes);

    /// <summary>A buffer of at least <paramref name="bytes"/> bytes.</summary>
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

        if (found.Address != 0 && found.Bytes >= bytes)
        {
            return found;
        }

        Free(found);
        bytes = Math.Max(bytes + (bytes >> 3), 4096);
        var memory = (nint)NativeMemory.AlignedAlloc((nuint)bytes, 64);
        Interlocked.Add(ref _bytes, bytes);
        return new Buffer(memory, bytes);
    }

    /// <summary>Gives a buffer back.</summary>
    public void Return(Buffer buffer)
    {
        lock (_lock)
        {
            if (_free.Count < kept)
            {
                _free.Push(buffer);
                return;
            }
        }

        Free(buffer);
    }

    /// <summary>Frees what is not rented.</summary>
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

    /// <summary>Frees all buffers; none may be rented.</summary>
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

/// <summary>Hands out consecutive, 64-byte aligned pieces of a buffer; with a null base it only measures.</summary>
internal unsafe struct ScratchCursor(nint address)
{
    private readonly nint _address = address;
    private nint _at;

    /// <summary>Bytes handed out so far.</summary>
    public readonly long Bytes => _at;

    /// <summary>The next piece.</summary>
    public float* Floats(long count)
    {
        float* piece = (float*)(_address + _at);
        _at += (nint)((count * sizeof(float) + 63) & ~63L);
        return piece;
    }
}
