using System.Runtime.InteropServices;

namespace Lorikeet.Tensors.Cuda;

/// <summary>A library that was looked for.</summary>
/// <param name="Name">What it is called in messages: <c>libcublasLt</c>.</param>
/// <param name="Path">Where it was found (a bare name: by the system's own search), or null.</param>
public sealed record CudaLibrary(string Name, string? Path);

/// <summary>
/// The libraries of NVIDIA that computing on a GPU needs: the driver (libcuda), matrix products (libcublasLt) and the kernel
/// compiler (libnvrtc). They are looked for in given folders first, then where the system's loader looks.
/// </summary>
/// <param name="Driver">libcuda, part of the graphics driver.</param>
/// <param name="CublasLt">libcublasLt of CUDA 12 or 13.</param>
/// <param name="Nvrtc">libnvrtc, version 11.2 or newer.</param>
public sealed record CudaLibraries(CudaLibrary Driver, CudaLibrary CublasLt, CudaLibrary Nvrtc)
{
    private static readonly string[] DriverNames = ["libcuda.so.1"];
    private static readonly string[] CublasLtNames = ["libcublasLt.so.13", "libcublasLt.so.12", "libcublasLt.so.11"];
    private static readonly string[] NvrtcNames = ["libnvrtc.so.13", "libnvrtc.so.12", "libnvrtc.so.11.2"];

    /// <summary>Libraries that were not found.</summary>
    public IEnumerable<CudaLibrary> Missing => new[] { Driver, CublasLt, Nvrtc }.Where(library => library.Path is null);

    /// <summary>Looks for the libraries.</summary>
    /// <param name="folders">Folders to look in before the system's own places, best first.</param>
    public static CudaLibraries Find(IReadOnlyList<string> folders) => new(
        new CudaLibrary("libcuda", Locate(DriverNames, folders)),
        new CudaLibrary("libcublasLt", Locate(CublasLtNames, folders)),
        new CudaLibrary("libnvrtc", Locate(NvrtcNames, folders)));

    internal static nint Load(CudaLibrary library)
    {
        if (library.Path is null)
        {
            throw new CudaException($"computing on a GPU needs {library.Name}, which was not found; `lorikeet doctor` says where it was looked for");
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
            : throw new CudaException($"{library.Path}: the library cannot be loaded (is it for this processor, and are the libraries that it needs beside it?)");
    }

    private static string? Locate(string[] names, IReadOnlyList<string> folders)
    {
        foreach (string name in names)
        {
            foreach (string folder in folders)
            {
                string path = Path.Combine(folder, name);
                if (File.Exists(path))
                {
                    return path;
                }
            }
        }

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
