using System.Runtime.InteropServices;

namespace Lorikeet.Cli.Interop;

/// <summary>What was found of a library.</summary>
/// <param name="Found">Whether it could be loaded.</param>
/// <param name="Version">Its version, if it tells one.</param>
/// <param name="Problem">Why it cannot be used although it was found, or null.</param>
internal sealed record LibraryState(bool Found, string? Version, string? Problem = null);

/// <summary>Looks for native libraries without depending on them. Everything is called through C interfaces that never change.</summary>
internal static class NativeProbe
{
    [UnmanagedFunctionPointer(CallingConvention.Cdecl)]
    private delegate int TakesInt(int value);

    /// <summary>Looks for libvips.</summary>
    public static LibraryState Vips()
    {
        if (!NativeLibrary.TryLoad("libvips.so.42", out nint library))
        {
            return new LibraryState(false, null);
        }

        var version = Function<TakesInt>(library, "vips_version");
        return version is null ? new LibraryState(true, null, "it lacks the function vips_version")
            : new LibraryState(true, FormattableString.Invariant($"{version(0)}.{version(1)}.{version(2)}"));
    }

    private static T? Function<T>(nint library, string name) where T : Delegate =>
        NativeLibrary.TryGetExport(library, name, out nint address) ? Marshal.GetDelegateForFunctionPointer<T>(address) : null;
}
