using System.Runtime.CompilerServices;
using Lorikeet.Testing;

namespace Lorikeet.Tensors.Cpu.Tests;

public sealed class CpuDeviceTests
{
    [Theory]
    [InlineData("cpu")]
    [InlineData("fake")]
    [InlineData("reference")]
    public void Copies_to_and_from_the_host_keep_every_byte(string name)
    {
        using var t = new TestScope(name);
        byte[] bytes = [.. Enumerable.Range(0, 1000).Select(i => (byte)(i * 7))];
        Tensor x = t.Scope.From<byte>(bytes, new Shape(1000), DType.U8);
        Assert.Equal(bytes, x.ToHost<byte>());
        Assert.Equal(bytes[300..310], x.Slice(300, 10).ToHost<byte>());
        Assert.StartsWith(name, t.Device.Name, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("cpu", 1)]
    [InlineData("cpu", 5_000_000)]
    [InlineData("fake", 1)]
    public void Memory_is_aligned(string name, long bytes)
    {
        using IDevice device = TestDevices.Open(name);
        nint address = device.Allocate(bytes);
        Assert.Equal(0, address % 256);
        device.Free(address, bytes);
    }

    [Fact]
    public unsafe void Only_the_plain_device_maps_host_memory()
    {
        using IDevice cpu = TestDevices.Open("cpu"), fake = TestDevices.Open("fake");
        float value = 3f;
        nint address = (nint)(&value);
        Assert.Equal(address, cpu.MapHost(address, 4));
        Assert.Equal(0, fake.MapHost(address, 4));
    }

    [Fact]
    public void Mapped_weights_reach_the_kernels_on_both()
    {
        float[] values = GC.AllocateArray<float>(40, pinned: true);
        Rng.FillNormal(values, 1f, 1);
        foreach (string name in DeviceNames.All)
        {
            using var t = new TestScope(name);
            Tensor mapped = new Parameters(t.Device, t.Arena).FromMapped(Address(values), new Shape(40), DType.F32), y = t.Scope.New(mapped.Shape);
            t.Kernels.Copy(mapped, y);
            Assert.Equal(values, y.ToHost<float>());
        }
    }

    [Fact]
    public unsafe void Following_an_address_of_the_fake_device_faults()
    {
        using var t = new TestScope("fake");
        Tensor x = t.Normal(new Shape(16), 1);
        Assert.Throws<NullReferenceException>(() => Unsafe.Read<float>((void*)x.Address));
    }

    [Fact]
    public void Fresh_memory_of_the_fake_device_holds_nans()
    {
        using var t = new TestScope("fake");
        Assert.All(t.Scope.New(new Shape(1000)).ToHost<float>(), v => Assert.True(float.IsNaN(v)));
    }

    [Fact]
    public void Tensors_of_another_device_are_refused()
    {
        using TestScope one = new("cpu"), other = new("cpu");
        Tensor x = one.Normal(new Shape(4), 1), y = other.Normal(new Shape(4), 1);
        var e = Assert.Throws<InvalidOperationException>(() => one.Kernels.Copy(x, y));
        Assert.Contains("tensor of another device", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_request_that_no_system_can_meet_says_how_much_was_asked_for()
    {
        using IDevice device = TestDevices.Open("cpu");
        var e = Assert.Throws<InsufficientMemoryException>(() => device.Allocate(1L << 60));
        Assert.Contains("1152921504606846976 bytes", e.Message, StringComparison.Ordinal);
    }

    private static unsafe nint Address(float[] pinned) => (nint)Unsafe.AsPointer(ref pinned[0]);
}
