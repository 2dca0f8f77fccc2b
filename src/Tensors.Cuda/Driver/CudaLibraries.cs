using System.Globalization;
using System.Runtime.InteropServices;
using Lorikeet.Tensors.Cuda.Driver;

namespace Lorikeet.Tensors.Cuda;

/// <summary>A library that was looked for.</summary>
/// <param name="Name">What it is called in messages: <c>libcublasLt</c>.</param>
/// <param name="Path">Where it was found (a bare name: by the system's own search), or null.</param>
public sealed record CudaLibrary(string Name, string? Path)
{
    /// <summary>A file that was found and is not used, because it is of a newer CUDA than the driver; else null.</summary>
    public string? TooNew { get; init; }
}

/// <summary>
/// The libraries of NVIDIA that computing on a GPU needs: the driver (libcuda), matrix products (libcublasLt) and the kernel
/// compiler (libnvrtc). They are looked for in given folders first, then where the system's loader looks.
/// </summary>
/// <param name="Driver">libcuda, part of the graphics driver.</param>
/// <param name="CublasLt">libcublasLt of CUDA 12 or 13.</param>
/// <param name="Nvrtc">libnvrtc, version 11.2 or newer.</param>
public sealed record CudaLibraries(CudaLibrary Driver, CudaLibrary CublasLt, CudaLibrary Nvrtc)
{
    private const string DriverName = "libcuda.so.1", CublasLtName = "libcublasLt", NvrtcName = "libnvrtc";

    /// <summary>Libraries that were not found.</summary>
    public IEnumerable<CudaLibrary> Missing => new[] { Driver, CublasLt, Nvrtc }.Where(library => library.Path is null);

    /// <summary>The newest CUDA that the driver supports, as it reports it: 1000 major + 10 minor; null without a driver.</summary>
    public int? DriverVersion { get; private init; }

    /// <summary>Looks for the libraries. Those of one CUDA version are taken together where there are both, none newer than the driver supports.</summary>
    /// <param name="folders">Folders that the user named: what is there is taken before anything else.</param>
    /// <param name="usual">Folders where such libraries usually are, best first; after them the system's own search.</param>
    public static CudaLibraries Find(IReadOnlyList<string> folders, IReadOnlyList<string>? usual = null)
    {
        string[] everywhere = [.. folders, .. usual ?? []];
        string? driver = InFolders([DriverName], everywhere) ?? ByLoader([DriverName]);
        int? version = driver is null ? null : CudaProbe.DriverVersion(driver);
        (string? products, string? compiler) = LibraryChoice.Choose(Both(folders, byLoader: false), version / 1000);
        (string? products, string? compiler) any = products is not null && compiler is not null ? default : LibraryChoice.Choose(Both(everywhere, byLoader: true), version / 1000);
        return new CudaLibraries(
            new CudaLibrary("libcuda", driver),
            Found(CublasLtName, products ?? any.products, everywhere),
            Found(NvrtcName, compiler ?? any.compiler, everywhere))
        {
            DriverVersion = version,
        };
    }

    internal static nint Load(CudaLibrary library)
    {
        if (library.Path is null)
        {
            throw new CudaUnavailableException(library.TooNew is { } newer
                ? $"{newer} is of a newer CUDA than this driver supports; install {library.Name} of an older CUDA, or a newer driver (`lorikeet doctor` says more)"
                : $"computing on a GPU needs {library.Name}, which was not found; `lorikeet doctor` says how to install it");
        }

        // libnvrtc opens its second half by its bare name, which the system finds only once it is loaded.
        if (Path.GetDirectoryName(library.Path) is { Length: > 0 } folder && Path.GetFileName(library.Path).StartsWith("libnvrtc.", StringComparison.Ordinal))
        {
            foreach (string half in Directory.GetFiles(folder, "libnvrtc-builtins.so.*"))
            {
                _ = NativeLibrary.TryLoad(half, out _);
            }
        }

        return NativeLibrary.TryLoad(library.Path, out nint handle)
            ? handle
            : throw new CudaUnavailableException($"{library.Path}: the library cannot be loaded (is it for this processor, and are the libraries that it needs beside it?)");
    }

    private static CudaLibrary Found(string name, string? path, IReadOnlyList<string> folders) => new(name, path)
    {
        TooNew = path is null ? LibraryChoice.Majors.SelectMany(major => Names(name, major)).Select(file => InFolders([file], folders)).FirstOrDefault(file => file is not null) : null,
    };

    // Where each library is, by CUDA version; the system's search is asked only for what is needed.
    private static Func<int, (string? Products, string? Compiler)> Both(IReadOnlyList<string> folders, bool byLoader) => major =>
    {
        string? Locate(string library) => InFolders(Names(library, major), folders) ?? (byLoader ? ByLoader(Names(library, major)) : null);
        return (Locate(CublasLtName), Locate(NvrtcName));
    };

    private static string[] Names(string library, int major) => library == NvrtcName && major == 11
        ? ["libnvrtc.so.11.2"]
        : [string.Create(CultureInfo.InvariantCulture, $"{library}.so.{major}")];

    private static string? InFolders(string[] names, IReadOnlyList<string> folders) =>
        names.SelectMany(name => folders.Select(folder => Path.Combine(folder, name))).FirstOrDefault(File.Exists);

    private static string? ByLoader(string[] names)
    {
        foreach (string name in names)
        {
            if (NativeLibrary.TryLoad(name, out nint handle))
            {
                NativeLibrary.Free(handle);
                return name;
            }
        }

        return null;
    }
}
