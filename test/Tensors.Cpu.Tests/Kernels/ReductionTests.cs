using Lorikeet.Testing;

namespace Lorikeet.Tensors.Cpu.Tests.Kernels;

public sealed class ReductionTests
{
    [Theory]
    [ClassData(typeof(DeviceNames))]
    public void Column_sums_match_the_reference(string device) => KernelTest.MatchesReference(device, 1e-6, 5e-6, t => KernelTest.Matrices.SelectMany(m =>
    {
        var shape = new Shape(m.N, m.C);
        var columns = new Shape(m.C);
        Tensor x = t.Normal(shape, 1), z = t.Normal(shape, 2);
        Tensor[] results = [t.Scope.New(columns), t.Normal(columns, 3), t.Scope.New(columns), t.Normal(columns, 4)];
        t.Kernels.SumRows(x, null, results[0], accumulate: false);
        t.Kernels.SumRows(x, null, results[1], accumulate: true);
        t.Kernels.SumRows(x, z, results[2], accumulate: false);
        t.Kernels.SumRows(x, z, results[3], accumulate: true);
        return results;
    }).ToArray());

    [Theory]
    [ClassData(typeof(DeviceNames))]
    public void Totals_match_the_reference(string device) => KernelTest.MatchesReference(device, 1e-7, 1e-6, t => KernelTest.Lengths.Append(100_000).SelectMany(n =>
    {
        Tensor x = t.Normal(new Shape(n), 1), z = t.Normal(new Shape(n), 2);
        Tensor[] results = [t.Scope.New(new Shape(1)), t.Normal(new Shape(1), 3), t.Scope.New(new Shape(1)), t.Scope.New(new Shape(1))];
        t.Kernels.Sum(x, null, results[0], accumulate: false);
        t.Kernels.Sum(x, null, results[1], accumulate: true);
        t.Kernels.Sum(x, z, results[2], accumulate: false);
        t.Kernels.GlobalNorm([x, z, x], results[3]);
        return results;
    }).ToArray());

    [Theory]
    [ClassData(typeof(DeviceNames))]
    public void The_norm_of_nothing_is_zero_and_large_values_do_not_overflow(string device)
    {
        using var t = new TestScope(device);
        Tensor norm = t.Scope.New(new Shape(1));
        t.Kernels.GlobalNorm([], norm);
        Assert.Equal(0f, norm.ToHost<float>()[0]);
        t.Kernels.GlobalNorm([t.From([3e30f, 4e30f], new Shape(2))], norm);
        Assert.Equal(5e30f, norm.ToHost<float>()[0]);
        t.Kernels.GlobalNorm([t.From([1f, float.NaN], new Shape(2))], norm);
        Assert.Equal(float.NaN, norm.ToHost<float>()[0]);
    }

    [Fact]
    public void Threads_do_not_change_a_bit() => KernelTest.ThreadsDoNotMatter(t =>
    {
        var shape = new Shape(301, 259);
        Tensor x = t.Normal(shape, 1), z = t.Normal(shape, 2), columns = t.Scope.New(new Shape(259)), total = t.Scope.New(new Shape(1)), norm = t.Scope.New(new Shape(1));
        t.Kernels.SumRows(x, z, columns, accumulate: false);
        t.Kernels.Sum(x, z, total, accumulate: false);
        t.Kernels.GlobalNorm([x, z], norm);
        return [columns, total, norm];
    });
}
