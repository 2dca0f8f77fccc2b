using System.Collections.Concurrent;
using System.Numerics;

namespace Lorikeet.Tensors.Cuda.Driver;

/// <summary>
/// Small device blocks for tables that kernels read (the runs of an attention). A block given back, on any thread, is used again
/// for later work of the same stream, which runs after all that still reads it.
/// </summary>
internal sealed class TablePool : IDisposable
{
    private const int SmallestBytes = 512;
    private readonly CudaDevice _device;
    private readonly ConcurrentQueue<nint> _returned = new();
    private readonly Dictionary<nint, int> _sizes = [];
    private readonly Dictionary<int, Stack<nint>> _free = [];

    public TablePool(CudaDevice device)
    {
        _device = device;
    }

    public nint Take(ReadOnlySpan<byte> contents)
    {
        while (_returned.TryDequeue(out nint address))
        {
            FreeOf(_sizes[address]).Push(address);
        }

        int size = (int)BitOperations.RoundUpToPowerOf2((uint)Math.Max(SmallestBytes, contents.Length));
        if (!FreeOf(size).TryPop(out nint block))
        {
            block = _device.Allocate(size);
            _sizes.Add(block, size);
        }

        _device.Upload(contents, block);
        return block;
    }

    /// <summary>Gives a block back; may be called by a finalizer, and after the end.</summary>
    public void Give(nint block) => _returned.Enqueue(block);

    public void Dispose()
    {
        foreach (nint block in _sizes.Keys)
        {
            _device.Driver.Free(block);
        }

        _sizes.Clear();
        _free.Clear();
    }

    private Stack<nint> FreeOf(int size)
    {
        if (!_free.TryGetValue(size, out Stack<nint>? free))
        {
            _free.Add(size, free = new Stack<nint>());
        }

        return free;
    }
}
