using System.Globalization;

namespace Lorikeet.Tensors;

/// <summary>
/// Caching best-fit allocator with splitting and coalescing over large segments of a device's memory. Keeps what it took
/// (fresh pages cost more than a small kernel), so that a step's memory is reused by the next step.
/// </summary>
/// <remarks>One owner thread. The order of allocations alone decides the addresses, so runs are repeatable.</remarks>
public sealed class Arena : IDisposable
{
    private const long Alignment = 256;
    private const long SegmentBytes = 32L << 20;
    private readonly IDevice _device;
    private readonly SortedSet<Block> _free = new(BySize.Instance);
    private readonly List<(nint Address, long Bytes)> _segments = [];
    private bool _disposed;

    /// <summary>Makes an allocator over a device; nothing is taken until the first request.</summary>
    public Arena(IDevice device)
    {
        _device = device;
    }

    /// <summary>Live and peak bytes by use.</summary>
    public MemoryAccount Account { get; } = new();

    /// <summary>Bytes held from the device, live or cached.</summary>
    public long Reserved { get; private set; }

    internal Block Take(long bytes, MemoryUse use)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        long size = Math.Max(Alignment, (bytes + Alignment - 1) / Alignment * Alignment);
        Block? block = _free.GetViewBetween(Block.Probe(size), Block.Largest).Min ?? Grow(size);
        _free.Remove(block);
        if (block.Bytes - size >= Alignment)
        {
            Split(block, size);
        }

        block.IsFree = false;
        block.Use = use;
        Account.Add(use, block.Bytes);
        return block;
    }

    internal void Give(Block block)
    {
        if (_disposed)
        {
            return;
        }

        Account.Add(block.Use, -block.Bytes);
        block.IsFree = true;
        if (block.Next is { IsFree: true } next)
        {
            _free.Remove(next);
            Join(block, next);
        }

        if (block.Previous is { IsFree: true } previous)
        {
            _free.Remove(previous);
            Join(previous, block);
            block = previous;
        }

        _free.Add(block);
    }

    /// <summary>Returns all segments to the device. Tensors that still live in them become invalid.</summary>
    public void Dispose()
    {
        if (_disposed)
        {
            return;
        }

        _disposed = true;
        foreach ((nint address, long bytes) in _segments)
        {
            _device.Free(address, bytes);
        }

        _segments.Clear();
        _free.Clear();
    }

    private Block Grow(long size)
    {
        // Requests beyond half a segment get a segment of their own size, so that big ones don't strand halves.
        long bytes = size > SegmentBytes / 2 ? size : SegmentBytes;
        nint address = _device.Allocate(bytes);
        if (address == 0)
        {
            throw new InsufficientMemoryException(string.Create(CultureInfo.InvariantCulture, $"{_device.Name}: no block of {bytes} bytes left; {Reserved} bytes are held"));
        }

        _segments.Add((address, bytes));
        Reserved += bytes;
        return new Block { Address = address, Bytes = bytes, IsFree = true };
    }

    private void Split(Block block, long size)
    {
        var rest = new Block { Address = block.Address + (nint)size, Bytes = block.Bytes - size, IsFree = true, Previous = block, Next = block.Next };
        if (block.Next is { } next)
        {
            next.Previous = rest;
        }

        block.Next = rest;
        block.Bytes = size;
        _free.Add(rest);
    }

    private static void Join(Block first, Block second)
    {
        first.Bytes += second.Bytes;
        first.Next = second.Next;
        if (second.Next is { } next)
        {
            next.Previous = first;
        }
    }

    internal sealed class Block
    {
        public static readonly Block Largest = new() { Address = nint.MaxValue, Bytes = long.MaxValue };

        public nint Address;
        public long Bytes;
        public bool IsFree;
        public MemoryUse Use;
        public Block? Previous;
        public Block? Next;

        public static Block Probe(long bytes) => new() { Address = 0, Bytes = bytes };
    }

    private sealed class BySize : IComparer<Block>
    {
        public static readonly BySize Instance = new();

        public int Compare(Block? x, Block? y)
        {
            int bySize = x!.Bytes.CompareTo(y!.Bytes);
            return bySize != 0 ? bySize : x.Address.CompareTo(y.Address);
        }
    }
}
