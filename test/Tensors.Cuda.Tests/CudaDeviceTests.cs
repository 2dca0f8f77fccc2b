using System.Runtime.CompilerServices;
using Lorikeet.Tensors.Cuda.Driver;
using Lorikeet.Testing;

namespace Lorikeet.Tensors.Cuda.Tests;

public sealed class CudaDeviceTests
{
    [Fact]
    public void Copies_larger_than_the_staging_ring_arrive_whole()
    {
        using var t = new TestScope("cuda");
        int[] values = [.. Enumerable.Range(0, 9_000_000)];
        Tensor x = t.Scope.From<int>(values, new Shape(values.Length), DType.I32);
        Assert.Equal(values, x.ToHost<int>());
    }

    [Fact]
    public void Memory_of_the_host_may_be_reused_as_soon_as_an_upload_returns()
    {
        using var t = new TestScope("cuda");
        float[] buffer = new float[100_000];
        var tensors = new List<Tensor>();
        for (int i = 0; i < 60; i++)
        {
            Array.Fill(buffer, i);
            tensors.Add(t.Scope.From(buffer, new Shape(buffer.Length)));
        }

        for (int i = 0; i < tensors.Count; i++)
        {
            Assert.All(tensors[i].ToHost<float>(), v => Assert.Equal(i, v));
        }
    }

    [Fact]
    public void Kernels_start_without_waiting_and_only_reading_waits()
    {
        using var t = new TestScope("cuda");
        var device = (CudaDevice)t.Device;
        Tensor x = t.Normal(new Shape(40, 50), 1), y = t.Scope.New(x.Shape);
        for (int i = 0; i < 10; i++)
        {
            t.Kernels.Add(x, x, y);
            t.Kernels.GlobalNorm([x, y], t.Scope.New(new Shape(1)));
        }

        Assert.Equal(0, device.Synchronisations);
        y.ToHost<float>();
        Assert.Equal(1, device.Synchronisations);
    }

    [Theory]
    [InlineData(7)]
    [InlineData(-1)]
    public void An_id_outside_its_table_is_reported_when_a_value_is_read(int id)
    {
        using var t = new TestScope("cuda");
        Tensor table = t.Normal(new Shape(7, 20), 1), y = t.Scope.New(new Shape(3, 20));
        t.Kernels.GatherRows(table, t.Scope.From([1, id, 2]), y);
        var e = Assert.Throws<InvalidDataException>(() => y.ToHost<float>());
        Assert.Equal($"id {id} at position 1 is outside the table of 7 rows", e.Message);
        t.Kernels.GatherRows(table, t.Scope.From([1, 0, 2]), y);
        Assert.Equal(table.ToHost<float>().AsSpan(20, 20).ToArray(), y.ToHost<float>().AsSpan(0, 20).ToArray());
    }

    [Fact]
    public void A_label_outside_the_vocabulary_is_reported()
    {
        using var t = new TestScope("cuda");
        Tensor logits = t.Normal(new Shape(2, 30), 1), loss = t.Scope.New(new Shape(2));
        t.Kernels.CrossEntropy(logits, t.Scope.From([3, 30]), loss, null);
        var e = Assert.Throws<InvalidDataException>(() => loss.ToHost<float>());
        Assert.Equal("label 30 of row 1 is outside the vocabulary of 30", e.Message);
    }

    [Fact]
    public void A_request_beyond_the_memory_says_what_is_free()
    {
        using CudaDevice device = CudaEmulator.Open();
        var e = Assert.Throws<InsufficientMemoryException>(() => device.Allocate(1L << 45));
        Assert.Contains("has too little memory: 33554432 MiB", e.Message, StringComparison.Ordinal);
        Assert.Contains(" MiB are free", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_gpu_that_does_not_exist_is_refused_by_number()
    {
        var e = Assert.Throws<CudaUnavailableException>(() => new CudaDevice(CudaEmulator.Options with { Ordinal = 99 }));
        Assert.Contains("there is no GPU number 99", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_missing_library_is_named()
    {
        CudaLibraries libraries = CudaEmulator.Options.Libraries;
        var e = Assert.Throws<CudaUnavailableException>(() => new CudaDevice(new CudaOptions { Libraries = libraries with { CublasLt = new CudaLibrary("libcublasLt", null) } }));
        Assert.Contains("needs libcublasLt, which was not found", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Sums_give_the_same_bits_each_time()
    {
        using var t = new TestScope("cuda");
        Tensor x = t.Normal(new Shape(700, 33), 1), z = t.Normal(x.Shape, 2);
        float[] Once()
        {
            Tensor sums = t.Scope.New(new Shape(33)), total = t.Scope.New(new Shape(1)), norm = t.Scope.New(new Shape(1));
            t.Kernels.SumRows(x, z, sums, accumulate: false);
            t.Kernels.Sum(x, z, total, accumulate: false);
            t.Kernels.GlobalNorm([x, z, sums], norm);
            return [.. sums.ToHost<float>(), .. total.ToHost<float>(), .. norm.ToHost<float>()];
        }

        float[] first = Once();
        for (int i = 0; i < 4; i++)
        {
            // The emulation changes the order of threads and of blocks from launch to launch.
            t.Kernels.Fill(t.Scope.New(new Shape(5)), 1f);
            Assert.Equal(first, Once());
        }
    }

    [Fact]
    public void A_kernel_that_does_not_compile_says_where()
    {
        var nvrtc = new Nvrtc(CudaLibraries.Load(CudaEmulator.Options.Libraries.Nvrtc));
        var e = Assert.Throws<CudaException>(() => nvrtc.Compile("broken.cu", "this is no program", []));
        Assert.StartsWith("broken.cu: the kernel does not compile", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Compiled_kernels_are_kept_and_found_again()
    {
        string folder = Directory.CreateTempSubdirectory("kernels-").FullName;
        try
        {
            KernelCache Open() => new(() => new Nvrtc(CudaLibraries.Load(CudaEmulator.Options.Libraries.Nvrtc)), "sm_90", folder);
            KernelCache first = Open(), second = Open();
            byte[] image = first.Image("AdamW", "");
            Assert.Equal(image, second.Image("AdamW", ""));
            Assert.Equal((1, 0), (first.Compiled, second.Compiled));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Fact]
    public void Layouts_that_the_libraries_share_with_us()
    {
        Assert.Equal(96, Unsafe.SizeOf<CublasLt.Heuristic>());
        Assert.Equal(Fault.Bytes, Unsafe.SizeOf<Fault>());
    }
}
