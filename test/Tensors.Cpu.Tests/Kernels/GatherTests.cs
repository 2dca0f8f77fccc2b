using Lorikeet.Testing;

namespace Lorikeet.Tensors.Cpu.Tests.Kernels;

public sealed class GatherTests
{
    public static IEnumerable<object[]> Cases =>
        from device in DeviceNames.All from type in (DType[])[DType.F32, DType.BF16, DType.F16] select (object[])[device, type];

    [Theory]
    [MemberData(nameof(Cases))]
    public void Gathering_matches_the_reference(string device, DType type) => KernelTest.MatchesReference(device, 0, 0, t => KernelTest.Matrices.Select(m =>
    {
        Tensor table = t.Normal(new Shape(50, m.C), 1, dtype: type), y = t.Scope.New(new Shape(m.N, m.C));
        t.Kernels.GatherRows(table, t.Ints(m.N, 50, 2), y);
        return y;
    }).ToArray());

    [Theory]
    [ClassData(typeof(DeviceNames))]
    public void Scattering_matches_the_reference(string device) => KernelTest.MatchesReference(device, 1e-6, 3e-6, t => KernelTest.Matrices.SelectMany(m =>
    {
        Tensor x = t.Normal(new Shape(m.N, m.C), 1), added = t.Normal(new Shape(11, m.C), 2), replaced = t.Normal(new Shape(400, m.C), 3);
        t.Kernels.ScatterAddRows(x, t.Ints(m.N, 11, 4), added);
        int[] distinct = new int[m.N];
        for (int i = 0; i < m.N; i++)
        {
            distinct[i] = (i * 7) % 400;
        }

        t.Kernels.ScatterRows(x, t.Scope.From(distinct), replaced);
        return new[] { added, replaced };
    }).ToArray());

    [Theory]
    [ClassData(typeof(DeviceNames))]
    public void Columns_match_the_reference(string device) => KernelTest.MatchesReference(device, 0, 0, t => KernelTest.Matrices.SelectMany(m =>
    {
        Tensor x = t.Normal(new Shape(m.N, m.C + 5), 1), copied = t.Normal(new Shape(m.N, m.C + 2), 2), added = t.Normal(new Shape(m.N, m.C + 2), 3);
        t.Kernels.CopyColumns(x, 4, copied, 1, m.C, accumulate: false);
        t.Kernels.CopyColumns(x, 3, added, 2, m.C, accumulate: true);
        return new[] { copied, added };
    }).ToArray());

    [Theory]
    [InlineData("cpu", -1)]
    [InlineData("cpu", 5)]
    [InlineData("fake", int.MaxValue)]
    [InlineData("reference", 5)]
    public void An_id_outside_the_table_is_named(string device, int id)
    {
        using var t = new TestScope(device);
        Tensor table = t.Normal(new Shape(5, 8), 1), ids = t.Scope.From([0, 4, id]), x = t.Normal(new Shape(3, 8), 2), before = t.Normal(new Shape(5, 8), 1);
        foreach (Action call in (Action[])[() => t.Kernels.GatherRows(table, ids, x), () => t.Kernels.ScatterAddRows(x, ids, table), () => t.Kernels.ScatterRows(x, ids, table)])
        {
            var e = Assert.Throws<InvalidDataException>(call);
            Assert.Contains($"id {id} at position 2 is outside the table of 5 rows", e.Message, StringComparison.Ordinal);
        }

        TensorAssert.SameBits(table, before);
    }

    [Fact]
    public void Threads_do_not_change_a_bit() => KernelTest.ThreadsDoNotMatter(t =>
    {
        Tensor x = t.Normal(new Shape(500, 577), 1), table = t.Normal(new Shape(20, 577), 2), y = t.Scope.New(new Shape(500, 577));
        Tensor ids = t.Ints(500, 20, 3);
        t.Kernels.ScatterAddRows(x, ids, table);
        t.Kernels.GatherRows(table, ids, y);
        return [table, y];
    });
}
