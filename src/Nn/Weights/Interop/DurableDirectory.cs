using System.Runtime.InteropServices;

namespace Lorikeet.Nn.Weights.Interop;

/// <summary>Forces a directory's entries (names made by create or rename) to disk, which .NET has no call for.</summary>
internal static partial class DurableDirectory
{
    private const int OpenReadOnly = 0;

    /// <summary>Flushes <paramref name="path"/>; where the system has no such call (Windows) the file system's journal does it.</summary>
    public static void Flush(string path)
    {
        if (OperatingSystem.IsWindows())
        {
            return;
        }

        int descriptor = Open(path, OpenReadOnly);
        if (descriptor < 0)
        {
            throw new IOException($"{path}: cannot open the directory to flush it: {Marshal.GetLastPInvokeErrorMessage()}.");
        }

        // Some network file systems refuse fsync on a directory; the files themselves are flushed, so that is no reason to fail.
        _ = FSync(descriptor);
        _ = Close(descriptor);
    }

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Open(string path, int flags);

    [LibraryImport("libc", EntryPoint = "fsync", SetLastError = true)]
    private static partial int FSync(int descriptor);

    [LibraryImport("libc", EntryPoint = "close", SetLastError = true)]
    private static partial int Close(int descriptor);
}
