using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Lorikeet.Tensors.Cuda.Driver;
using Lorikeet.Testing;

namespace Lorikeet.Tensors.Cuda.Tests;

/// <summary>Which libraries are taken, and that what is handed to them has the layout that their headers say.</summary>
public sealed class LibraryTests : IDisposable
{
    private readonly string _root = Directory.CreateTempSubdirectory("lorikeet-libraries-").FullName;

    [Theory]
    [InlineData("12 12", 13, "12 12")]
    [InlineData("13 13, 12 12", 13, "13 13")]
    [InlineData("13 13, 12 12", 12, "12 12")]
    [InlineData("13 -, 12 12", 13, "12 12")]
    [InlineData("13 -, - 12", 13, "13 12")]
    [InlineData("13 -, - 12", 12, "- 12")]
    [InlineData("12 -, - 11", 12, "12 11")]
    [InlineData("13 13", 12, "- -")]
    [InlineData("", 13, "- -")]
    [InlineData("13 13, 12 12", null, "13 13")]
    public void The_newest_version_that_has_both_and_that_the_driver_supports_is_taken(string installed, int? driver, string expected)
    {
        var there = installed.Split(", ", StringSplitOptions.RemoveEmptyEntries).Select(pair => pair.Split(' ')).SelectMany(pair => new[] { ("products", pair[0]), ("compiler", pair[1]) }).ToHashSet();
        string? At(string library, int major) => there.Contains((library, FormattableString.Invariant($"{major}"))) ? FormattableString.Invariant($"{major}") : null;
        (string? products, string? compiler) = LibraryChoice.Choose(major => (At("products", major), At("compiler", major)), driver);
        Assert.Equal(expected, $"{products ?? "-"} {compiler ?? "-"}");
    }

    [Fact]
    public void Named_folders_win_and_the_first_folder_of_a_version_wins()
    {
        string named = Folder("named", "libcublasLt.so.12", "libnvrtc.so.12"), first = Folder("first", "libcublasLt.so.13", "libnvrtc.so.13"), second = Folder("second", "libcublasLt.so.13", "libnvrtc.so.13");
        CudaLibraries own = CudaLibraries.Find([named], [first, second]);
        Assert.Equal((Path.Combine(named, "libcublasLt.so.12"), Path.Combine(named, "libnvrtc.so.12")), (own.CublasLt.Path, own.Nvrtc.Path));
        Assert.SkipWhen(own.Driver.Path is not null, "the driver of this machine has a word in the choice");
        CudaLibraries usual = CudaLibraries.Find([], [first, second]);
        Assert.Equal((Path.Combine(first, "libcublasLt.so.13"), Path.Combine(first, "libnvrtc.so.13")), (usual.CublasLt.Path, usual.Nvrtc.Path));
    }

    [Fact]
    public void A_library_newer_than_the_driver_is_not_taken_and_is_named()
    {
        Assert.SkipWhen(CudaEmulator.IsReal, "the emulated driver, which supports CUDA 12, is not in use");
        string driver = Folder("driver"), newer = Folder("newer", "libcublasLt.so.13", "libnvrtc.so.13");
        File.Copy(Path.Combine(CudaEmulator.Folder, "libcuda.so.1"), Path.Combine(driver, "libcuda.so.1"));
        CudaLibraries found = CudaLibraries.Find([driver], [newer]);
        Assert.Equal(12040, found.DriverVersion);
        Assert.SkipWhen(found.CublasLt.Path is not null, "this machine has an older one besides");
        Assert.Null(found.CublasLt.Path);
        Assert.Equal(Path.Combine(newer, "libcublasLt.so.13"), found.CublasLt.TooNew);
        Assert.Contains("newer CUDA than this driver supports", Assert.Throws<CudaUnavailableException>(() => CudaLibraries.Load(found.CublasLt)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_file_that_is_no_library_is_part_of_the_answer()
    {
        string folder = Folder("broken", "libcuda.so.1", "libcublasLt.so.12", "libnvrtc.so.12");
        CudaState state = CudaProbe.Look(CudaLibraries.Find([folder]));
        Assert.Contains("cannot be loaded", state.Problem, StringComparison.Ordinal);
        Assert.Equal(2, state.Unusable.Count);
        Assert.False(state.IsComplete);
        Assert.Throws<CudaUnavailableException>(() => new CudaDevice(new CudaOptions { Libraries = state.Libraries }));
    }

    [Fact]
    public void Structs_and_numbers_are_those_of_the_headers()
    {
        // cublasLtMatmulHeuristicResult_t: uint64 algo[8], size_t workspaceSize, int state, float wavesCount, int reserved[4].
        Assert.Equal(96, Unsafe.SizeOf<CublasLt.Heuristic>());
        Assert.Equal(64, (int)Marshal.OffsetOf<CublasLt.Heuristic>(nameof(CublasLt.Heuristic.WorkspaceBytes)));
        Assert.Equal(72, (int)Marshal.OffsetOf<CublasLt.Heuristic>(nameof(CublasLt.Heuristic.State)));
        Assert.Equal(76, (int)Marshal.OffsetOf<CublasLt.Heuristic>(nameof(CublasLt.Heuristic.Waves)));

        // cudaDataType_t and CUdevice_attribute.
        Assert.Equal((0, 2, 14), ((int)CudaType.F32, (int)CudaType.F16, (int)CudaType.BF16));
        Assert.Equal(
            (16, 75, 76, 97),
            ((int)DeviceAttribute.Multiprocessors, (int)DeviceAttribute.ComputeCapabilityMajor, (int)DeviceAttribute.ComputeCapabilityMinor, (int)DeviceAttribute.SharedBytesPerBlock));

        // What a kernel reports: the struct of the same name in Prelude.cu is four ints.
        Assert.Equal(Fault.Bytes, Unsafe.SizeOf<Fault>());
    }

    [Theory]
    [InlineData(120405, "12.4.5")]
    [InlineData(130000, "13.0.0")]
    [InlineData(11402, "11.4.2")]
    public void Versions_are_told_as_people_write_them(long version, string text) => Assert.Equal(text, CublasLt.Text(version));

    [Fact]
    public void The_compiler_of_NVIDIA_tells_its_version()
    {
        CudaLibrary library = CudaLibraries.Find([Path.Combine(Golden.RepositoryRoot, "artifacts", "native")]).Nvrtc;
        Assert.SkipWhen(library.Path is null, "libnvrtc was not found; eng/native.sh nvrtc installs it");
        (int major, int minor) = new Nvrtc(CudaLibraries.Load(library)).Version;
        Assert.True(major > 11 || (major == 11 && minor >= 2), FormattableString.Invariant($"{major}.{minor}"));
    }

    [Fact]
    public void A_kept_kernel_that_does_not_load_is_compiled_anew()
    {
        CudaOptions options = CudaEmulator.Options with { KernelFolder = Path.Combine(_root, "kernels") };
        Assert.Equal(1.5f, Filled(options));
        string kept = Assert.Single(Directory.GetFiles(options.KernelFolder));
        byte[] good = File.ReadAllBytes(kept);
        File.WriteAllBytes(kept, good[..(good.Length / 2)]);
        Assert.Equal(1.5f, Filled(options));
        Assert.Equal(good, File.ReadAllBytes(kept));
    }

    public void Dispose() => Directory.Delete(_root, recursive: true);

    private static float Filled(CudaOptions options)
    {
        using var device = new CudaDevice(options);
        using var arena = new Arena(device);
        using var scope = new StepScope(device, arena, record: false);
        Tensor x = scope.New(new Shape(8), DType.F32);
        device.Kernels.Fill(x, 1.5f);
        return x.ToHost<float>()[7];
    }

    private string Folder(string name, params string[] files)
    {
        string folder = Path.Combine(_root, name);
        Directory.CreateDirectory(folder);
        foreach (string file in files)
        {
            File.WriteAllText(Path.Combine(folder, file), "no library");
        }

        return folder;
    }
}
