using Lorikeet.Testing;

namespace Lorikeet.Tensors.Cuda.Tests;

/// <summary>Attention of few queries against a long cache, whose keys several blocks share, against the reference.</summary>
public sealed class DecodeTests
{
    [Theory]
    [InlineData(8, 1, 300, 8, 1)]
    [InlineData(64, 1, 129, 9, 3)]
    [InlineData(72, 3, 64, 2, 2)]
    [InlineData(80, 8, 260, 8, 2)]
    [InlineData(96, 1, 200, 7, 1)]
    [InlineData(112, 2, 100, 4, 4)]
    [InlineData(128, 1, 391, 7, 1)]
    [InlineData(128, 8, 200, 8, 1)]
    public void Every_width_of_head(int D, int T, int S, int H, int K)
    {
        FlashProblem.One(T, S, H, K, D, causal: true).Check();
        (FlashProblem.One(T, S, H, K, D, causal: true) with { Queries = DType.BF16, Cache = DType.BF16 }).Check();
    }

    [Theory]
    [InlineData(DType.F32, DType.F32)]
    [InlineData(DType.BF16, DType.BF16)]
    [InlineData(DType.F16, DType.F16)]
    [InlineData(DType.F32, DType.F16)]
    [InlineData(DType.BF16, DType.F32)]
    public void Sequences_of_unequal_lengths_in_every_type(DType queries, DType cache)
    {
        AttentionSegment[] runs = [new(0, 1, 0, 300), new(1, 4, 310, 4), new(5, 3, 320, 129), new(8, 2, 450, 0), new(11, 8, 450, 5), new(19, 1, 460, 1), new(20, 1, 470, 128)];
        foreach ((bool causal, int? window) in ((bool, int?)[])[(false, null), (true, null), (true, 70)])
        {
            var problem = new FlashProblem(22, 600, 4, 2, 16, new AttentionSegments(runs, causal, window)) { Queries = queries, Cache = cache };
            problem.Check();
            (problem with { Mask = FlashProblem.Random(600, 4) }).Check();
        }
    }

    [Fact]
    public void A_long_cache_in_more_parts_than_a_warp_has_lanes() => FlashProblem.One(1, 128 * 40 + 7, 2, 1, 16, causal: true).Check();

    [Fact]
    public void Gradients_after_it_match_the_reference() => (FlashProblem.One(5, 300, 4, 2, 64, causal: true) with { Backward = true }).Check();

    [Fact]
    public void Equal_bits_whatever_the_order_of_threads_blocks_and_copies_and_alone_as_in_a_batch()
    {
        using var t = new TestScope("cuda", compute: Compute.BF16);
        var both = new FlashProblem(3, 700, 4, 2, 32, new AttentionSegments([new(0, 1, 0, 400), new(1, 2, 400, 300)], true)) { Queries = DType.BF16, Cache = DType.BF16 };
        float[][] first = both.Run(t);
        for (int i = 0; i < 7; i++)
        {
            Assert.Equal(first, both.Run(t));
        }

        float[][] alone = (both with { Segments = new AttentionSegments([new(0, 1, 0, 400)], true) }).Run(t);
        Assert.Equal(alone[0][..(4 * 32)], first[0][..(4 * 32)]);
        Assert.Equal(alone[1][..4], first[1][..4]);
    }

    [Fact]
    public void A_nan_in_one_part_reaches_the_result()
    {
        using var t = new TestScope("cuda", compute: Compute.BF16);
        float[] values = new float[400 * 16];
        Rng.FillNormal(values, 1, 5);
        Tensor k = t.From(values, new Shape(400, 1, 16)), q = t.Normal(new Shape(1, 1, 16), 4), y = t.Scope.New(q.Shape);
        values[300 * 16] = float.NaN;
        var segments = new AttentionSegments([new(0, 1, 0, 400)], false);
        t.Kernels.Attention(new AttentionArgs(q, t.From(values, k.Shape), k, y, null, segments, 0.25f, null, Compute.BF16));
        Assert.All(y.ToHost<float>(), x => Assert.True(float.IsNaN(x)));
    }
}
