using System.Runtime.InteropServices;

namespace Lorikeet.Tensors.Cpu.Tests;

/// <summary>Arrays that end (or begin) at a page that may not be touched: one element too far ends the process.</summary>
internal sealed unsafe partial class GuardedMemory(bool atEnd) : IDisposable
{
    private const int ReadWrite = 3, PrivateAnonymous = 0x22;
    private readonly List<(nint Address, nuint Bytes)> _maps = [];

    /// <summary>Whether such pages can be made here.</summary>
    public static bool IsSupported => OperatingSystem.IsLinux();

    public float* Floats(int count)
    {
        nuint page = (nuint)Environment.SystemPageSize, bytes = ((nuint)count * sizeof(float) + page - 1) / page * page;
        nint map = Map(0, bytes + (2 * page), ReadWrite, PrivateAnonymous, -1, 0);
        Assert.NotEqual(-1, map);
        _maps.Add((map, bytes + (2 * page)));
        Assert.Equal(0, Protect(map, page, 0));
        Assert.Equal(0, Protect(map + (nint)(page + bytes), page, 0));
        nint start = map + (nint)page;
        return (float*)(atEnd ? start + (nint)bytes - (count * sizeof(float)) : start);
    }

    public float* Copy(float[] x)
    {
        float* y = Floats(x.Length);
        x.CopyTo(new Span<float>(y, x.Length));
        return y;
    }

    public void Dispose()
    {
        foreach ((nint address, nuint bytes) in _maps)
        {
            Assert.Equal(0, Unmap(address, bytes));
        }
    }

    [LibraryImport("libc", EntryPoint = "mmap")]
    private static partial nint Map(nint address, nuint bytes, int protection, int flags, int file, nint offset);

    [LibraryImport("libc", EntryPoint = "mprotect")]
    private static partial int Protect(nint address, nuint bytes, int protection);

    [LibraryImport("libc", EntryPoint = "munmap")]
    private static partial int Unmap(nint address, nuint bytes);
}
