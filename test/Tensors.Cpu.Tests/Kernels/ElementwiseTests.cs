using Lorikeet.Testing;

namespace Lorikeet.Tensors.Cpu.Tests.Kernels;

public sealed class ElementwiseTests
{
    [Theory]
    [ClassData(typeof(DeviceNames))]
    public void Fill_add_and_scale_match_the_reference(string device) => KernelTest.MatchesReference(device, 1e-7, 1e-6, t => KernelTest.Lengths.SelectMany(n =>
    {
        var shape = new Shape(n);
        Tensor a = t.Normal(shape, 1), b = t.Normal(shape, 2), filled = t.Scope.New(shape), sum = t.Scope.New(shape);
        Tensor scaled = t.Scope.New(shape), added = t.Normal(shape, 3), accumulated = t.Normal(shape, 4);
        t.Kernels.Fill(filled, -1.5f);
        t.Kernels.Add(a, b, sum);
        t.Kernels.Scale(a, 0.3f, scaled, accumulate: false);
        t.Kernels.AddScaled(a, 0.7f, added);
        t.Kernels.Scale(b, -2f, accumulated, accumulate: true);
        return new[] { filled, sum, scaled, added, accumulated };
    }).ToArray());

    [Theory]
    [ClassData(typeof(DeviceNames))]
    public void Scaling_rows_and_columns_matches_the_reference(string device) => KernelTest.MatchesReference(device, 1e-7, 1e-6, t => KernelTest.Matrices.SelectMany(m =>
    {
        var shape = new Shape(m.N, m.C);
        Tensor x = t.Normal(shape, 1), rows = t.Normal(new Shape(m.N), 2), columns = t.Normal(new Shape(m.C), 3);
        Tensor[] results = [t.Scope.New(shape), t.Normal(shape, 4), t.Scope.New(shape), t.Normal(shape, 5)];
        t.Kernels.ScaleRows(x, rows, results[0], accumulate: false);
        t.Kernels.ScaleRows(x, rows, results[1], accumulate: true);
        t.Kernels.ScaleColumns(x, columns, results[2], accumulate: false);
        t.Kernels.ScaleColumns(x, columns, results[3], accumulate: true);
        return results;
    }).ToArray());

    [Theory]
    [ClassData(typeof(DeviceNames))]
    public void Results_may_overwrite_their_inputs(string device) => KernelTest.MatchesReference(device, 1e-7, 1e-6, t =>
    {
        var shape = new Shape(5, 77);
        Tensor a = t.Normal(shape, 1), b = t.Normal(shape, 2), c = t.Normal(shape, 3), s = t.Normal(new Shape(5), 4);
        t.Kernels.Add(a, b, a);
        t.Kernels.Scale(b, 3f, b, accumulate: false);
        t.Kernels.ScaleRows(c, s, c, accumulate: false);
        return [a, b, c];
    });

    [Fact]
    public void Threads_do_not_change_a_bit() => KernelTest.ThreadsDoNotMatter(t =>
    {
        var shape = new Shape(100, 577);
        Tensor x = t.Normal(shape, 1), s = t.Normal(new Shape(100), 2), y = t.Normal(shape, 3), z = t.Scope.New(shape);
        t.Kernels.ScaleRows(x, s, y, accumulate: true);
        t.Kernels.Add(x, y, z);
        t.Kernels.AddScaled(x, 0.1f, z);
        return [y, z];
    });
}
