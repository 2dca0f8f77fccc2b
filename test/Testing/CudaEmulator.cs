using System.Diagnostics;
using System.Security.Cryptography;
using Lorikeet.Tensors.Cuda;

namespace Lorikeet.Testing;

/// <summary>
/// Opens a GPU for tests: a real one where there is one, else the emulation in <c>test/CudaEmulator</c>, a driver, cuBLASLt and
/// NVRTC that compute on the host. It is built by g++ on first use; without g++ the tests that want it are skipped.
/// </summary>
public static class CudaEmulator
{
    private const string SkipToken = "$XunitDynamicSkip$";
    private static readonly Lazy<(string? Folder, string? Problem)> s_built = new(Build);
    private static readonly Lazy<bool> s_real = new(HasGpu);

    /// <summary>Whether tests compute on a real GPU.</summary>
    public static bool IsReal => s_real.Value;

    /// <summary>Folder with the emulated libraries.</summary>
    /// <remarks>Skips the running test where they cannot be built.</remarks>
    public static string Folder => s_built.Value.Folder ?? throw new InvalidOperationException(SkipToken + s_built.Value.Problem);

    /// <summary>How to open the GPU that tests run on.</summary>
    public static CudaOptions Options => IsReal
        ? new CudaOptions { Libraries = Installed, KernelFolder = Path.Combine(Path.GetTempPath(), "lorikeet-test-kernels") }
        : new CudaOptions { Libraries = CudaLibraries.Find([Folder]), KernelFolder = Path.Combine(Folder, "kernels") };

    /// <summary>Opens the GPU that tests run on.</summary>
    public static CudaDevice Open() => new(Options);

#pragma warning disable RS0030 // As the program, tests look where the user says, then where the system does.
    private static CudaLibraries Installed => CudaLibraries.Find((Environment.GetEnvironmentVariable("LORIKEET_CUDA_LIBRARIES") ?? "").Split(':', StringSplitOptions.RemoveEmptyEntries));
#pragma warning restore RS0030

    private static bool HasGpu()
    {
        CudaLibraries libraries = Installed;
        if (libraries.Missing.Any())
        {
            return false;
        }

        try
        {
            using var device = new CudaDevice(new CudaOptions { Libraries = libraries });
            return true;
        }
        catch (CudaException)
        {
            return false;
        }
    }

    private static (string? Folder, string? Problem) Build()
    {
        string root = Golden.RepositoryRoot, sources = Path.Combine(root, "test", "CudaEmulator");
        string[] files = [.. Directory.GetFiles(sources).Order(StringComparer.Ordinal)];
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (string file in files)
        {
            hash.AppendData(File.ReadAllBytes(file));
        }

        string folder = Path.Combine(root, "artifacts", "cuda-emulator", Convert.ToHexStringLower(hash.GetHashAndReset().AsSpan(0, 8)));
        if (File.Exists(Path.Combine(folder, "libcuda.so.1")))
        {
            return (folder, null);
        }

        string own = folder + "." + Environment.ProcessId;
        Directory.CreateDirectory(own);
        foreach (string file in files)
        {
            File.Copy(file, Path.Combine(own, Path.GetFileName(file)), overwrite: true);
        }

        if (Compile(own) is { } problem)
        {
            return (null, problem);
        }

        foreach (string name in (string[])["libcublasLt.so.12", "libnvrtc.so.12"])
        {
            File.CreateSymbolicLink(Path.Combine(own, name), "libcuda.so.1");
        }

        try
        {
            Directory.Move(own, folder);
        }
        catch (IOException) when (Directory.Exists(folder))
        {
            // Another test program was quicker.
            Directory.Delete(own, recursive: true);
        }

        return (folder, null);
    }

    private static string? Compile(string folder)
    {
        var start = new ProcessStartInfo("g++") { WorkingDirectory = folder, RedirectStandardError = true };
        foreach (string argument in (string[])["-std=c++17", "-O3", "-march=native", "-fPIC", "-shared", "-o", "libcuda.so.1", "driver.cpp", "-ldl"])
        {
            start.ArgumentList.Add(argument);
        }

        try
        {
            using Process process = Process.Start(start)!;
            string errors = process.StandardError.ReadToEnd();
            process.WaitForExit();
            return process.ExitCode == 0 ? null : "the emulated GPU does not compile: " + errors;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return "the emulated GPU needs g++, which was not found";
        }
    }
}
