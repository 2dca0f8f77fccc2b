using System.Runtime.InteropServices;

namespace Lorikeet.Nn.Weights.Interop;

/// <summary>Two names change places in one step, which .NET has no call for.</summary>
internal static partial class NamesAtomically
{
    private const int CurrentFolder = -100;
    private const uint RenameExchange = 2;

    /// <summary>Exchanges what two existing paths name, so that at no moment either is missing.</summary>
    /// <returns>False where the system or the file system can't (then nothing has changed).</returns>
    public static bool TryExchange(string one, string other)
    {
        if (!OperatingSystem.IsLinux())
        {
            return false;
        }

        try
        {
            return RenameAt2(CurrentFolder, one, CurrentFolder, other, RenameExchange) == 0;
        }
        catch (EntryPointNotFoundException)
        {
            return false;
        }
    }

    [LibraryImport("libc", EntryPoint = "renameat2", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int RenameAt2(int oldFolder, string oldPath, int newFolder, string newPath, uint flags);
}
