using System.Runtime.InteropServices;

namespace Lorikeet.Tensors.Cpu.Interop;

/// <summary>Asks Linux to back large blocks with 2 MiB pages: fewer page faults and address look-ups.</summary>
internal static unsafe partial class HugePages
{
    /// <summary>Bytes of a huge page: the alignment from which the advice can help.</summary>
    public const int Size = 2 << 20;

    private const int AdviseHugePage = 14;

    /// <summary>Gives the advice where the system knows it. A refusal changes only speed, so it is not an error.</summary>
    public static void Advise(void* address, long bytes)
    {
        if (OperatingSystem.IsLinux())
        {
            _ = MAdvise(address, (nuint)(bytes / Size * Size), AdviseHugePage);
        }
    }

    [LibraryImport("libc", EntryPoint = "madvise")]
    private static partial int MAdvise(void* address, nuint length, int advice);
}
