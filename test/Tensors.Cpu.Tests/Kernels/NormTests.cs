using Lorikeet.Testing;

namespace Lorikeet.Tensors.Cpu.Tests.Kernels;

public sealed class NormTests
{
    public static IEnumerable<object[]> Cases =>
        from device in DeviceNames.All from type in (DType[])[DType.F32, DType.BF16, DType.F16] select (object[])[device, type];

    [Theory]
    [MemberData(nameof(Cases))]
    public void Rms_norm_matches_the_reference(string device, DType type) => KernelTest.MatchesReference(device, 2e-6, 2e-6, t => KernelTest.Matrices.SelectMany(m =>
    {
        var shape = new Shape(m.N, m.C);
        Tensor x = t.Normal(shape, 1), w = t.Normal(new Shape(m.C), 2, dtype: type), dY = t.Normal(shape, 3), y = t.Scope.New(shape), rstd = t.Scope.New(new Shape(m.N));
        Tensor dX = t.Scope.New(shape), added = t.Normal(shape, 4), dW = t.Normal(new Shape(m.C), 5);
        t.Kernels.RmsNorm(x, w, 1e-5f, y, rstd);
        t.Kernels.RmsNorm(x, w, 1e-5f, t.Scope.New(shape), null);
        t.Kernels.RmsNormBackward(new NormGrad(x, w, null, rstd, dY, dX, false, dW, null));
        t.Kernels.RmsNormBackward(new NormGrad(x, w, null, rstd, dY, added, true, null, null));
        return new[] { y, rstd, dX, added, dW };
    }).ToArray());

    [Theory]
    [MemberData(nameof(Cases))]
    public void Layer_norm_matches_the_reference(string device, DType type) => KernelTest.MatchesReference(device, 2e-6, 4e-6, t => KernelTest.Matrices.Where(m => m.C > 1).SelectMany(m =>
    {
        var shape = new Shape(m.N, m.C);
        Tensor x = t.Normal(shape, 1), w = t.Normal(new Shape(m.C), 2, dtype: type), b = t.Normal(new Shape(m.C), 6, dtype: type), dY = t.Normal(shape, 3);
        Tensor y = t.Scope.New(shape), plain = t.Scope.New(shape), mean = t.Scope.New(new Shape(m.N)), rstd = t.Scope.New(new Shape(m.N));
        Tensor dX = t.Scope.New(shape), added = t.Normal(shape, 4), dW = t.Normal(new Shape(m.C), 5), dB = t.Normal(new Shape(m.C), 7);
        t.Kernels.LayerNorm(x, w, b, 1e-6f, y, mean, rstd);
        t.Kernels.LayerNorm(x, w, null, 1e-6f, plain, null, null);
        t.Kernels.LayerNormBackward(new NormGrad(x, w, mean, rstd, dY, dX, false, dW, dB));
        t.Kernels.LayerNormBackward(new NormGrad(x, w, mean, rstd, dY, added, true, null, null));
        return new[] { y, plain, mean, rstd, dX, added, dW, dB };
    }).ToArray());

    [Theory]
    [ClassData(typeof(DeviceNames))]
    public void A_mean_far_from_zero_costs_only_its_own_rounding(string device) => KernelTest.MatchesReference(device, 1e-4, 4e-4, t =>
    {
        // The mean is kept in f32: near 1000 half a unit in the last place is 3e-5, five parts in 1e5 of the deviation.
        var shape = new Shape(3, 1152);
        Tensor x = t.Uniform(shape, 1, 999f, 1001f), w = t.Normal(new Shape(1152), 2), dY = t.Normal(shape, 3);
        Tensor y = t.Scope.New(shape), mean = t.Scope.New(new Shape(3)), rstd = t.Scope.New(new Shape(3)), dX = t.Scope.New(shape);
        t.Kernels.LayerNorm(x, w, null, 1e-6f, y, mean, rstd);
        t.Kernels.LayerNormBackward(new NormGrad(x, w, mean, rstd, dY, dX, false, null, null));
        return [y, dX];
    });

    [Theory]
    [ClassData(typeof(DeviceNames))]
    public void A_nan_stays_in_its_row(string device)
    {
        using var t = new TestScope(device);
        float[] values = new float[3 * 40];
        Rng.FillNormal(values, 1f, 1);
        values[57] = float.NaN;
        Tensor x = t.From(values, new Shape(3, 40)), w = t.Normal(new Shape(40), 2), y = t.Scope.New(x.Shape), z = t.Scope.New(x.Shape);
        t.Kernels.RmsNorm(x, w, 1e-5f, y, null);
        t.Kernels.LayerNorm(x, w, null, 1e-5f, z, null, null);
        foreach (float[] result in (float[][])[y.ToHost<float>(), z.ToHost<float>()])
        {
            for (int i = 0; i < result.Length; i++)
            {
                Assert.Equal(i / 40 == 1, float.IsNaN(result[i]));
            }
        }
    }

    [Fact]
    public void Threads_do_not_change_a_bit() => KernelTest.ThreadsDoNotMatter(t =>
    {
        var shape = new Shape(200, 577);
        Tensor x = t.Normal(shape, 1), w = t.Normal(new Shape(577), 2), dY = t.Normal(shape, 3), y = t.Scope.New(shape);
        Tensor mean = t.Scope.New(new Shape(200)), rstd = t.Scope.New(new Shape(200)), dX = t.Scope.New(shape), dW = t.Scope.Zeros(new Shape(577)), dB = t.Scope.Zeros(new Shape(577));
        t.Kernels.LayerNorm(x, w, null, 1e-6f, y, mean, rstd);
        t.Kernels.LayerNormBackward(new NormGrad(x, w, mean, rstd, dY, dX, false, dW, dB));
        return [y, mean, rstd, dX, dW, dB];
    });
}
