using System.IO.MemoryMappedFiles;
using System.Runtime.InteropServices;

namespace Lorikeet.Nn.Weights.Interop;

/// <summary>A whole file mapped read-only into memory: pages are read when touched and can be dropped by the system at any time.</summary>
internal sealed unsafe partial class MappedFile : IDisposable
{
    private readonly MemoryMappedFile _map;
    private readonly MemoryMappedViewAccessor _view;
    private readonly byte* _start;
    private bool _disposed;

    /// <summary>Maps <paramref name="stream"/> from its first byte; takes ownership of it.</summary>
    public MappedFile(FileStream stream)
    {
        Length = stream.Length;
        _map = MemoryMappedFile.CreateFromFile(stream, null, 0, MemoryMappedFileAccess.Read, HandleInheritability.None, leaveOpen: false);
        _view = _map.CreateViewAccessor(0, 0, MemoryMappedFileAccess.Read);
        byte* start = null;
        _view.SafeMemoryMappedViewHandle.AcquirePointer(ref start);
        _start = start + _view.PointerOffset;
    }

    /// <summary>Bytes of the file.</summary>
    public long Length { get; }

    /// <summary>Address of a byte of the file; valid until <see cref="Dispose"/>.</summary>
    public nint Address(long offset)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        ArgumentOutOfRangeException.ThrowIfGreaterThan((ulong)offset, (ulong)Length);
        return (nint)(_start + offset);
    }

    /// <summary>Bytes of the file as a span; valid until <see cref="Dispose"/>.</summary>
    public ReadOnlySpan<byte> Span(long offset, int length)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(length);
        ArgumentOutOfRangeException.ThrowIfGreaterThan((ulong)offset, (ulong)(Length - length));
        return new ReadOnlySpan<byte>((void*)Address(offset), length);
    }

    /// <summary>Drops the pages that lie wholly within a range from this process's memory. Advice: nothing changes where the system refuses.</summary>
    public void Forget(long offset, long length)
    {
        const int DontNeed = 4;
        if (!OperatingSystem.IsLinux())
        {
            return;
        }

        long page = Environment.SystemPageSize, start = (long)Address(offset), first = (start + page - 1) / page * page, end = (start + length) / page * page;
        if (end > first)
        {
            _ = Advise((nint)first, (nuint)(end - first), DontNeed);
        }
    }

    public void Dispose()
    {
        if (_disposed)
        {
            return;
        }

        _disposed = true;
        _view.SafeMemoryMappedViewHandle.ReleasePointer();
        _view.Dispose();
        _map.Dispose();
    }

    [LibraryImport("libc", EntryPoint = "madvise")]
    private static partial int Advise(nint address, nuint length, int advice);
}
