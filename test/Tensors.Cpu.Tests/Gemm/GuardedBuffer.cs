using System.Runtime.InteropServices;

namespace Lorikeet.Tensors.Cpu.Tests;

/// <summary>
/// Memory between two unreadable pages, placed against one of them: an access outside kills the test process.
/// Elsewhere than on Linux it is plain memory.
/// </summary>
internal sealed unsafe partial class GuardedBuffer : IDisposable
{
    private readonly byte* _base;
    private readonly nuint _total;

    /// <param name="bytes">Size of the buffer.</param>
    /// <param name="atEnd">Ends right before the guard page behind it; otherwise starts right after the one before it.</param>
    public GuardedBuffer(long bytes, bool atEnd)
    {
        nuint page = (nuint)Environment.SystemPageSize;
        nuint inner = ((nuint)bytes + page - 1) / page * page;
        _total = inner + 2 * page;
        if (OperatingSystem.IsLinux())
        {
            _base = (byte*)Map(null, _total, 3, 0x22, -1, 0);
            Assert.True((nint)_base != -1, "mmap failed");
            Assert.Equal(0, Protect(_base, page, 0));
            Assert.Equal(0, Protect(_base + page + inner, page, 0));
        }
        else
        {
            _base = (byte*)NativeMemory.AlignedAlloc(_total, page);
        }

        Address = _base + page + (atEnd ? inner - (nuint)bytes : 0);
    }

    public byte* Address { get; }

    public float* Floats => (float*)Address;

    public void Dispose()
    {
        if (OperatingSystem.IsLinux())
        {
            _ = Unmap(_base, _total);
        }
        else
        {
            NativeMemory.AlignedFree(_base);
        }
    }

    [LibraryImport("libc", EntryPoint = "mmap")]
    private static partial void* Map(void* address, nuint bytes, int protection, int flags, int file, nint offset);

    [LibraryImport("libc", EntryPoint = "mprotect")]
    private static partial int Protect(void* address, nuint bytes, int protection);

    [LibraryImport("libc", EntryPoint = "munmap")]
    private static partial int Unmap(void* address, nuint bytes);
}
