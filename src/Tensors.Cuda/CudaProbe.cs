using System.Globalization;
using System.Runtime.InteropServices;
using Lorikeet.Tensors.Cuda.Driver;

namespace Lorikeet.Tensors.Cuda;

/// <summary>A GPU as the driver describes it.</summary>
/// <param name="Ordinal">Its number, from 0.</param>
/// <param name="Name">Its product name.</param>
/// <param name="Major">Its generation: 8 for 8.6.</param>
/// <param name="Minor">The part after the point.</param>
/// <param name="MemoryBytes">Its memory.</param>
public sealed record CudaGpu(int Ordinal, string Name, int Major, int Minor, long MemoryBytes)
{
    /// <summary>Its generation as NVIDIA writes it: 8.6.</summary>
    public string Capability => string.Create(CultureInfo.InvariantCulture, $"{Major}.{Minor}");

    /// <summary>Whether Lorikeet can compute on it.</summary>
    public bool IsNewEnough => Major >= CudaDevice.OldestMajor;
}

/// <summary>What a machine has for computing on a GPU. Nothing is computed to find out.</summary>
/// <param name="Libraries">The libraries, and where they are.</param>
/// <param name="Gpus">The GPUs that the driver knows.</param>
/// <param name="Problem">Why the driver cannot be used although it was found, or null.</param>
public sealed record CudaState(CudaLibraries Libraries, IReadOnlyList<CudaGpu> Gpus, string? Problem)
{
    /// <summary>The CUDA version that the driver supports, such as 12.4.</summary>
    public string? DriverVersion => Libraries.DriverVersion is { } version ? string.Create(CultureInfo.InvariantCulture, $"{version / 1000}.{version % 1000 / 10}") : null;

    /// <summary>Version of libcublasLt, or null.</summary>
    public string? CublasLtVersion { get; init; }

    /// <summary>Version of libnvrtc, or null.</summary>
    public string? NvrtcVersion { get; init; }

    /// <summary>Why a library that was found cannot be used, one sentence each.</summary>
    public IReadOnlyList<string> Unusable { get; init; } = [];

    /// <summary>Whether a GPU can be opened, as far as can be told without doing it.</summary>
    public bool IsComplete => Problem is null && Unusable.Count == 0 && !Libraries.Missing.Any() && Gpus.Any(gpu => gpu.IsNewEnough);
}

/// <summary>Looks at what a machine has for computing on a GPU.</summary>
public static unsafe class CudaProbe
{
    /// <summary>Looks; a library that is missing or refuses is part of the answer, never an exception.</summary>
    public static CudaState Look(CudaLibraries libraries)
    {
        ArgumentNullException.ThrowIfNull(libraries);
        IReadOnlyList<CudaGpu> gpus = [];
        string? problem = null;
        if (libraries.Driver.Path is not null)
        {
            try
            {
                gpus = GpusOf(new CudaDriver(CudaLibraries.Load(libraries.Driver)));
            }
            catch (CudaException e)
            {
                problem = e.Message;
            }
        }

        var unusable = new List<string>();
        return new CudaState(libraries, gpus, problem)
        {
            CublasLtVersion = Version(libraries.CublasLt, CublasLt.VersionOf, unusable),
            NvrtcVersion = Version(libraries.Nvrtc, library => Text(new Nvrtc(library).Version), unusable),
            Unusable = unusable,
        };
    }

    /// <summary>The newest CUDA that a driver supports; null where the file is no driver.</summary>
    internal static int? DriverVersion(string path)
    {
        int version = 0;
        return NativeLibrary.TryLoad(path, out nint library) && NativeLibrary.TryGetExport(library, "cuDriverGetVersion", out nint address)
            && ((delegate* unmanaged<int*, int>)address)(&version) == 0 ? version : null;
    }

    private static CudaGpu[] GpusOf(CudaDriver driver) =>
    [
        .. Enumerable.Range(0, driver.DeviceCount).Select(ordinal =>
        {
            int device = driver.Device(ordinal);
            return new CudaGpu(
                ordinal,
                driver.DeviceName(device),
                driver.Attribute(DeviceAttribute.ComputeCapabilityMajor, device),
                driver.Attribute(DeviceAttribute.ComputeCapabilityMinor, device),
                driver.TotalMemory(device));
        }),
    ];

    private static string? Version(CudaLibrary library, Func<nint, string> ask, List<string> unusable)
    {
        if (library.Path is null)
        {
            return null;
        }

        try
        {
            return ask(CudaLibraries.Load(library));
        }
        catch (CudaException e)
        {
            unusable.Add(e.Message);
            return null;
        }
    }

    private static string Text((int Major, int Minor) version) => string.Create(CultureInfo.InvariantCulture, $"{version.Major}.{version.Minor}");
}
