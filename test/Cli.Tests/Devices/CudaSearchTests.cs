using Lorikeet.Cli.Devices;

namespace Lorikeet.Cli.Tests.Devices;

/// <summary>In which folders NVIDIA's libraries are looked for, and in which order.</summary>
public sealed class CudaSearchTests : IDisposable
{
    private readonly string _root = Directory.CreateTempSubdirectory("lorikeet-search-").FullName;

    [Fact]
    public void Toolkits_pip_packages_and_system_folders_are_searched_in_this_order()
    {
        string[] expected =
        [
            Folder("mine"),
            Folder("toolkit/lib64"),
            Folder("toolkit/targets/x86_64-linux/lib"),
            Folder("usr/local/cuda/lib64"),
            Folder("usr/local/cuda-13.0/lib64"),
            Folder("usr/local/cuda-12.4/lib64"),
            Folder("venv/lib/python3.12/site-packages/nvidia/cu13/lib"),
            Folder("venv/lib/python3.12/site-packages/nvidia/cublas/lib"),
            Folder("conda/lib/python3.11/site-packages/nvidia/cuda_nvrtc/lib"),
            Folder("home/.local/lib/python3.10/site-packages/nvidia/cublas/lib"),
            Folder("usr/lib/python3/dist-packages/nvidia/cublas/lib"),
            Folder("usr/local/lib/python3.12/dist-packages/nvidia/cublas/lib"),
            Folder("usr/lib/x86_64-linux-gnu"),
            Folder("usr/local/nvidia/lib64"),
            Folder("usr/lib/wsl/lib"),
        ];
        Folder("usr/local/lib/python2.7/site-packages/nvidia/cublas/lib");
        var found = CudaSearch.Usual(
            Host(("LD_LIBRARY_PATH", $"{At("mine")}:{At("gone")}:"), ("CUDA_HOME", At("toolkit")), ("VIRTUAL_ENV", At("venv")), ("CONDA_PREFIX", At("conda")), ("HOME", At("home"))), _root);
        Assert.Equal(expected, found.Where(folder => folder.StartsWith(_root, StringComparison.Ordinal)));
    }

    [Fact]
    public void The_users_own_folders_come_from_a_variable_of_ours() =>
        Assert.Equal(["/a", "/b"], CudaSearch.Named(Host((CudaSearch.Variable, "/a::/b"))));

    [Theory]
    [InlineData("/cache", "/home/me", "/cache/lorikeet/kernels")]
    [InlineData(null, "/home/me", "/home/me/.cache/lorikeet/kernels")]
    [InlineData(null, null, null)]
    public void Compiled_kernels_are_kept_in_the_users_cache(string? cache, string? home, string? expected) =>
        Assert.Equal(expected, CudaSearch.KernelFolder(Host(("XDG_CACHE_HOME", cache), ("HOME", home))));

    public void Dispose() => Directory.Delete(_root, recursive: true);

    private static CliHost Host(params (string Name, string? Value)[] variables) =>
        new TestHost(environment: name => variables.FirstOrDefault(v => v.Name == name).Value).Host;

    private string At(string path) => Path.Combine(_root, path);

    private string Folder(string path)
    {
        Directory.CreateDirectory(At(path));
        return At(path);
    }
}
