using Lorikeet.Testing;

namespace Lorikeet.Tensors.Tests;

public sealed class ShapeAndTensorTests
{
    [Fact]
    public void A_shape_knows_its_dimensions_from_both_ends()
    {
        var shape = new Shape(2, 3, 5);
        Assert.Equal((3, 30L, 5, 6), (shape.Rank, shape.Count, shape.Last, shape.Rows));
        Assert.Equal((2, 3, 5), (shape[0], shape[1], shape[-1]));
        Assert.Equal("[2, 3, 5]", shape.ToString());
        Assert.Throws<ArgumentOutOfRangeException>(() => shape[3]);
    }

    [Fact]
    public void Shapes_of_different_rank_differ_and_counts_do_not_overflow()
    {
        Assert.NotEqual(new Shape(4), new Shape(4, 1));
        Assert.Equal(0, new Shape(0, 7).Rows);
        Assert.Equal(1L << 40, new Shape(1 << 20, 1 << 20).Count);
        Assert.Throws<ArgumentException>(() => new Shape(1, 1, 1, 1, 1, 1));
        Assert.Throws<ArgumentOutOfRangeException>(() => new Shape(-1));
    }

    [Fact]
    public void A_wrong_shape_is_reported_with_name_expectation_and_finding()
    {
        var e = Assert.Throws<ArgumentException>(() => Shape.Require("bias", new Shape(3), new Shape(4)));
        Assert.Equal("bias: expected shape [4], got [3]", e.Message);
    }

    [Theory]
    [ClassData(typeof(DeviceNames))]
    public void Slices_and_views_share_memory(string device)
    {
        using var t = new TestScope(device);
        Tensor x = t.From([0, 1, 2, 3, 4, 5, 6, 7], new Shape(4, 2));
        t.Kernels.Fill(x.Slice(1, 2).View(new Shape(4)), 9f);
        Assert.Equal([0, 1, 9, 9, 9, 9, 6, 7], x.ToHost<float>());
        Assert.Throws<ArgumentOutOfRangeException>(() => x.Slice(3, 2));
        Assert.Throws<ArgumentException>(() => x.View(new Shape(3)));
        Assert.Throws<ArgumentException>(() => x.CopyFrom<float>([1f]));
    }
}
