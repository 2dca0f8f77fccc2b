using System.Runtime.InteropServices;
using System.Text;

namespace Lorikeet.Cli.Interop;

/// <summary>A graphics card as the CUDA driver describes it.</summary>
/// <param name="Name">Its name.</param>
/// <param name="ComputeCapability">Its generation, such as 8.6.</param>
/// <param name="MemoryBytes">Its memory.</param>
internal sealed record CudaDevice(string Name, string ComputeCapability, long MemoryBytes);

/// <summary>What was found of a library.</summary>
/// <param name="Found">Whether it could be loaded.</param>
/// <param name="Version">Its version, if it tells one.</param>
/// <param name="Problem">Why it cannot be used although it was found, or null.</param>
internal sealed record LibraryState(bool Found, string? Version, string? Problem = null);

/// <summary>Looks for native libraries without depending on them. Everything is called through C interfaces that never change.</summary>
internal static class NativeProbe
{
    private const int ComputeCapabilityMajor = 75;
    private const int ComputeCapabilityMinor = 76;

    [UnmanagedFunctionPointer(CallingConvention.Cdecl)]
    private delegate int TakesInt(int value);

    [UnmanagedFunctionPointer(CallingConvention.Cdecl)]
    private delegate int GivesInt(out int value);

    [UnmanagedFunctionPointer(CallingConvention.Cdecl)]
    private delegate int GivesIntFor(out int value, int device);

    [UnmanagedFunctionPointer(CallingConvention.Cdecl)]
    private delegate int GivesName([Out] byte[] name, int length, int device);

    [UnmanagedFunctionPointer(CallingConvention.Cdecl)]
    private delegate int GivesSize(out nuint bytes, int device);

    [UnmanagedFunctionPointer(CallingConvention.Cdecl)]
    private delegate int GivesAttribute(out int value, int attribute, int device);

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

    /// <summary>Looks for the CUDA driver and the cards it knows.</summary>
    public static (LibraryState Driver, IReadOnlyList<CudaDevice> Devices) Cuda()
    {
        if (!NativeLibrary.TryLoad("libcuda.so.1", out nint library))
        {
            return (new LibraryState(false, null), []);
        }

        if (Function<TakesInt>(library, "cuInit") is not { } init || Function<GivesInt>(library, "cuDriverGetVersion") is not { } driverVersion
            || Function<GivesInt>(library, "cuDeviceGetCount") is not { } getCount)
        {
            return (new LibraryState(true, null, "it is no CUDA driver"), []);
        }

        if (init(0) is var code and not 0)
        {
            return (new LibraryState(true, null, FormattableString.Invariant($"cuInit gives error {code}")), []);
        }

        string? version = driverVersion(out int number) == 0 ? FormattableString.Invariant($"{number / 1000}.{number % 1000 / 10}") : null;
        int count = getCount(out int found) == 0 ? found : 0;
        return (new LibraryState(true, version), [.. Enumerable.Range(0, count).Select(index => Device(library, index)).OfType<CudaDevice>()]);
    }

    private static CudaDevice? Device(nint library, int index)
    {
        byte[] name = new byte[256];
        if (Function<GivesIntFor>(library, "cuDeviceGet") is not { } get || get(out int device, index) != 0
            || Function<GivesName>(library, "cuDeviceGetName") is not { } getName || getName(name, name.Length, device) != 0)
        {
            return null;
        }

        nuint bytes = 0;
        _ = Function<GivesSize>(library, "cuDeviceTotalMem_v2")?.Invoke(out bytes, device);
        int major = 0, minor = 0;
        var attribute = Function<GivesAttribute>(library, "cuDeviceGetAttribute");
        _ = attribute?.Invoke(out major, ComputeCapabilityMajor, device);
        _ = attribute?.Invoke(out minor, ComputeCapabilityMinor, device);
        int end = Array.IndexOf(name, (byte)0);
        return new CudaDevice(Encoding.UTF8.GetString(name, 0, end < 0 ? name.Length : end), FormattableString.Invariant($"{major}.{minor}"), (long)bytes);
    }

    private static T? Function<T>(nint library, string name) where T : Delegate =>
        NativeLibrary.TryGetExport(library, name, out nint address) ? Marshal.GetDelegateForFunctionPointer<T>(address) : null;
}
