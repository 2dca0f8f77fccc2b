using System.Runtime.InteropServices;
using System.Text;

namespace Lorikeet.Nn.Weights.Interop;

/// <summary>Reads a short file although another process holds a lock on it, which .NET's own calls respect.</summary>
internal static partial class LockedText
{
    private const int OpenReadOnly = 0;

    /// <summary>Up to 256 bytes of a file as text; empty where it can't be read.</summary>
    public static string Read(string path)
    {
        if (OperatingSystem.IsWindows())
        {
            return "";
        }

        int descriptor = Open(path, OpenReadOnly);
        if (descriptor < 0)
        {
            return "";
        }

        byte[] bytes = new byte[256];
        nint read = Read(descriptor, bytes, bytes.Length);
        _ = Close(descriptor);
        return Encoding.UTF8.GetString(bytes, 0, (int)Math.Max(0, read)).Trim();
    }

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Open(string path, int flags);

    [LibraryImport("libc", EntryPoint = "read", SetLastError = true)]
    private static partial nint Read(int descriptor, [Out] byte[] bytes, nint count);

    [LibraryImport("libc", EntryPoint = "close", SetLastError = true)]
    private static partial int Close(int descriptor);
}
