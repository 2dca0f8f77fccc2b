using Lorikeet.Testing;

namespace Lorikeet.Tensors.Cpu.Tests.Kernels;

public sealed class DropoutTests
{
    public static IEnumerable<object[]> Cases =>
        from device in DeviceNames.All from p in (float[])[0f, 0.05f, 0.1f, 0.5f, 0.999f, 1f] select (object[])[device, p];

    [Theory]
    [MemberData(nameof(Cases))]
    public void Mask_and_scale_match_the_reference(string device, float p) => KernelTest.MatchesReference(device, 2e-7, 1e-6, t => KernelTest.Matrices.SelectMany(m =>
    {
        var shape = new Shape(m.N, m.C);
        Tensor x = t.Uniform(shape, 1, 1f, 2f), y = t.Scope.New(shape), added = t.Uniform(shape, 3, 1f, 2f), keys = Keys(t, m.N, 0);
        t.Kernels.Dropout(x, keys, 77, p, y, accumulate: false);
        t.Kernels.Dropout(x, keys, 78, p, added, accumulate: true);
        return p == 1f ? [] : new[] { y, added };
    }).ToArray());

    [Theory]
    [ClassData(typeof(DeviceNames))]
    public void The_mask_follows_the_rows_key_not_its_place(string device)
    {
        using var t = new TestScope(device);
        Tensor ones = t.Scope.New(new Shape(6, 100)), y = t.Scope.New(ones.Shape), z = t.Scope.New(ones.Shape);
        t.Kernels.Fill(ones, 1f);
        t.Kernels.Dropout(ones, Keys(t, 6, 0), 5, 0.4f, y, accumulate: false);
        t.Kernels.Dropout(ones, Keys(t, 6, 2), 5, 0.4f, z, accumulate: false);
        TensorAssert.SameBits(z.Slice(0, 4), y.Slice(2, 4));
    }

    [Theory]
    [ClassData(typeof(DeviceNames))]
    public void About_a_share_p_is_dropped_differently_per_module_and_dropped_nans_are_zero(string device)
    {
        using var t = new TestScope(device);
        Tensor x = t.Scope.New(new Shape(100, 1000)), a = t.Scope.New(x.Shape), b = t.Scope.New(x.Shape), keys = Keys(t, 100, 0);
        t.Kernels.Fill(x, float.NaN);
        t.Kernels.Dropout(x, keys, 1, 0.3f, a, accumulate: false);
        t.Kernels.Dropout(x, keys, 2, 0.3f, b, accumulate: false);
        float[] first = a.ToHost<float>(), second = b.ToHost<float>();
        int dropped = first.Count(v => v == 0), both = first.Zip(second).Count(v => v is (0f, 0f));
        Assert.Equal(first.Length, dropped + first.Count(float.IsNaN));
        Assert.InRange(dropped, 29_500, 30_500);
        Assert.InRange(both, 8_600, 9_400);
    }

    [Theory]
    [ClassData(typeof(DeviceNames))]
    public void Everything_is_dropped_at_p_one(string device)
    {
        using var t = new TestScope(device);
        Tensor x = t.Normal(new Shape(3, 50), 1), y = t.Scope.New(x.Shape);
        t.Kernels.Dropout(x, Keys(t, 3, 0), 1, 1f, y, accumulate: false);
        Assert.All(y.ToHost<float>(), v => Assert.Equal(0f, v));
    }

    [Fact]
    public void Threads_do_not_change_a_bit() => KernelTest.ThreadsDoNotMatter(t =>
    {
        Tensor x = t.Normal(new Shape(300, 576), 1), y = t.Scope.New(x.Shape);
        t.Kernels.Dropout(x, Keys(t, 300, 0), 9, 0.1f, y, accumulate: false);
        return [y];
    });

    private static Tensor Keys(TestScope t, int n, int first)
    {
        long[] keys = new long[n];
        for (int i = 0; i < n; i++)
        {
            keys[i] = (long)Rng.Key(42, (ulong)(first + i));
        }

        return t.Scope.From<long>(keys, new Shape(n), DType.I64);
    }
}
