using System.Runtime.InteropServices;

namespace Lorikeet.Tensors.Cpu;

/// <summary>Pages with machine code: written while they are writable, then made executable and no longer writable.</summary>
internal static unsafe partial class ExecutableMemory
{
    private const int ProtRead = 1, ProtWrite = 2, ProtExec = 4;
    private const int MapPrivate = 2, MapAnonymous = 0x20;
    private static readonly void* MapFailed = (void*)-1;

    /// <summary>
    /// Copies <paramref name="code"/> to executable pages, which live as long as the process. Null where that is not
    /// possible: not Linux, or the system forbids it (SELinux execmem, hardened kernels, some containers).
    /// </summary>
    public static void* TryMap(ReadOnlySpan<byte> code)
    {
        if (!OperatingSystem.IsLinux())
        {
            return null;
        }

        nuint page = (nuint)Environment.SystemPageSize;
        nuint bytes = ((nuint)code.Length + page - 1) / page * page;
        void* memory = Map(null, bytes, ProtRead | ProtWrite, MapPrivate | MapAnonymous, -1, 0);
        if (memory == MapFailed)
        {
            return null;
        }

        code.CopyTo(new Span<byte>(memory, code.Length));
        if (Protect(memory, bytes, ProtRead | ProtExec) != 0)
        {
            _ = Unmap(memory, bytes);
            return null;
        }

        return memory;
    }

    [LibraryImport("libc", EntryPoint = "mmap")]
    private static partial void* Map(void* address, nuint bytes, int protection, int flags, int file, nint offset);

    [LibraryImport("libc", EntryPoint = "mprotect")]
    private static partial int Protect(void* address, nuint bytes, int protection);

    [LibraryImport("libc", EntryPoint = "munmap")]
    private static partial int Unmap(void* address, nuint bytes);
}
