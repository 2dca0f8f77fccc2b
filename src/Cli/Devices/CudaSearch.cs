using Lorikeet.Tensors.Cuda;

namespace Lorikeet.Cli.Devices;

/// <summary>Where NVIDIA's libraries usually are: the folders of CUDA toolkits, of pip's packages and of the system.</summary>
internal static class CudaSearch
{
    /// <summary>Folders, separated by colons, whose libraries are taken before any others.</summary>
    public const string Variable = "LORIKEET_CUDA_LIBRARIES";

    private static readonly string[] Toolkit = ["lib64", "targets/x86_64-linux/lib"];
    private static readonly string[] PipPackages = ["nvidia/cu13/lib", "nvidia/cublas/lib", "nvidia/cuda_nvrtc/lib"];
    private static readonly string[] SystemFolders = ["/usr/lib/x86_64-linux-gnu", "/usr/lib64", "/usr/local/nvidia/lib64", "/usr/lib/wsl/lib", "/opt/cuda/lib64"];

    /// <summary>Looks for the libraries.</summary>
    public static CudaLibraries Find(CliHost host) => CudaLibraries.Find(Named(host), Usual(host, "/"));

    /// <summary>Folder in which compiled kernels are kept, or null where there is no place for it.</summary>
    public static string? KernelFolder(CliHost host)
    {
        string? cache = host.Environment("XDG_CACHE_HOME") ?? (host.Environment("HOME") is { Length: > 0 } home ? Path.Combine(home, ".cache") : null);
        return cache is { Length: > 0 } ? Path.Combine(cache, "lorikeet", "kernels") : null;
    }

    /// <summary>The folders that the user named.</summary>
    internal static IReadOnlyList<string> Named(CliHost host) => [.. Split(host.Environment(Variable))];

    /// <summary>The usual folders that exist, best first.</summary>
    /// <param name="host">The environment.</param>
    /// <param name="root">Root of the file system.</param>
    internal static IReadOnlyList<string> Usual(CliHost host, string root)
    {
        var folders = new List<string>(Split(host.Environment("LD_LIBRARY_PATH")));
        foreach (string toolkit in new[] { host.Environment("CUDA_HOME"), host.Environment("CUDA_PATH") }.OfType<string>().Where(path => path.Length > 0))
        {
            folders.AddRange(Toolkit.Select(part => Path.Combine(toolkit, part)));
        }

        folders.AddRange(Toolkits(root));
        folders.AddRange(SitePackages(host, root).SelectMany(site => PipPackages.Select(package => Path.Combine(site, package))));
        folders.AddRange(SystemFolders.Select(folder => Path.Join(root, folder)));
        folders.Add(Path.Combine(Directory.GetCurrentDirectory(), "artifacts", "native"));
        return [.. folders.Where(Directory.Exists).Select(Path.GetFullPath).Distinct(StringComparer.Ordinal)];
    }

    private static string[] Split(string? list) => (list ?? "").Split(':', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);

    // /usr/local/cuda is the version that the administrator chose; the others follow, newest first.
    private static IEnumerable<string> Toolkits(string root) =>
        Below(Path.Join(root, "/usr/local"), "cuda*")
            .OrderBy(path => Path.GetFileName(path) == "cuda" ? 0 : 1).ThenByDescending(path => path, StringComparer.Ordinal)
            .SelectMany(toolkit => Toolkit.Select(part => Path.Combine(toolkit, part)));

    private static IEnumerable<string> SitePackages(CliHost host, string root)
    {
        string[] environments = [.. new[] { host.Environment("VIRTUAL_ENV"), host.Environment("CONDA_PREFIX"), Path.Combine(Directory.GetCurrentDirectory(), ".venv") }.OfType<string>().Where(path => path.Length > 0)];
        foreach (string environment in environments)
        {
            foreach (string python in Pythons(Path.Combine(environment, "lib")))
            {
                yield return Path.Combine(python, "site-packages");
            }
        }

        string? home = host.Environment("HOME");
        foreach (string python in home is { Length: > 0 } ? Pythons(Path.Combine(home, ".local", "lib")) : [])
        {
            yield return Path.Combine(python, "site-packages");
        }

        yield return Path.Join(root, "/usr/lib/python3/dist-packages");
        foreach (string python in Pythons(Path.Join(root, "/usr/local/lib")))
        {
            yield return Path.Combine(python, "site-packages");
            yield return Path.Combine(python, "dist-packages");
        }
    }

    private static IEnumerable<string> Pythons(string lib) => Below(lib, "python3*").OrderDescending(StringComparer.Ordinal);

    private static string[] Below(string folder, string pattern)
    {
        try
        {
            return Directory.Exists(folder) ? Directory.GetDirectories(folder, pattern) : [];
        }
        catch (UnauthorizedAccessException)
        {
            return []; // A folder that this user cannot read holds nothing for this user.
        }
    }
}
