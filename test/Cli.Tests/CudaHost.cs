using Lorikeet.Testing;

namespace Lorikeet.Cli.Tests;

/// <summary>A command line on a machine with a GPU, which is emulated where there is none.</summary>
internal static class CudaHost
{
    /// <summary>The host; compiled kernels are kept between tests.</summary>
    public static TestHost Create()
    {
        string folder = CudaEmulator.Folder;
        return new TestHost(environment: name => name switch
        {
            "LORIKEET_CUDA_LIBRARIES" => CudaEmulator.IsReal ? null : folder,
            "XDG_CACHE_HOME" => Path.Combine(folder, "cache"),
            _ => CudaEmulator.IsReal ? Environment.GetEnvironmentVariable(name) : null,
        });
    }
}
