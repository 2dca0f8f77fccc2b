using System.Runtime.InteropServices;

namespace Lorikeet.Data.Sources.Interop;

/// <summary>
/// What a path is, told without opening it: opening a named pipe waits for somebody to write to it. .NET itself does not say.
/// </summary>
internal static unsafe partial class FileKind
{
    private const int WorkingDirectory = -100;
    private const uint WantType = 1;
    private const int StatxBytes = 256, ModeAt = 28, TypeMask = 0xF000;

    /// <summary>What a path is in words, such as "a named pipe", unless it is a regular file; null also where nothing is known about it.</summary>
    /// <param name="path">The path; links are followed.</param>
    public static string? Irregular(string path)
    {
        byte* status = stackalloc byte[StatxBytes];
        try
        {
            if (!OperatingSystem.IsLinux() || Statx(WorkingDirectory, path, 0, WantType, status) != 0)
            {
                return null;
            }
        }
        catch (EntryPointNotFoundException)
        {
            return null; // a C library older than statx: opening tells the rest
        }

        return (*(ushort*)(status + ModeAt) & TypeMask) switch
        {
            0x1000 => "a named pipe",
            0x2000 or 0x6000 => "a device",
            0xC000 => "a socket",
            _ => null,
        };
    }

    [LibraryImport("libc", EntryPoint = "statx", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Statx(int directory, string path, int flags, uint mask, byte* status);
}
