using Lorikeet.Testing;

namespace Lorikeet.Tensors.Cuda.Tests;

/// <summary>Attention on tensor cores, forward and backward, against the reference.</summary>
public sealed class FlashAttentionTests
{
    // Runs without keys, without queries, with fewer keys than queries and the other way round; rows and keys between them.
    private static readonly AttentionSegment[] s_ragged =
        [new(2, 7, 0, 7), new(9, 0, 7, 5), new(9, 40, 20, 31), new(49, 3, 60, 0), new(55, 9, 60, 140), new(70, 67, 200, 67), new(137, 33, 270, 5)];

    private static readonly (DType Queries, DType Cache)[] s_types = [(DType.BF16, DType.BF16), (DType.F32, DType.F32), (DType.F32, DType.F16), (DType.BF16, DType.F32)];

    /// <summary>Causal, window, heads, key heads, mask, and the types in turn.</summary>
    public static TheoryData<bool, int?, int, int, bool, int> Kinds
    {
        get
        {
            var data = new TheoryData<bool, int?, int, int, bool, int>();
            int types = 0;
            foreach ((bool causal, int? window) in ((bool, int?)[])[(false, null), (true, null), (true, 9)])
            {
                foreach ((int H, int K) in ((int, int)[])[(2, 2), (4, 1), (8, 1)])
                {
                    data.Add(causal, window, H, K, false, types++ % s_types.Length);
                    data.Add(causal, window, H, K, true, types++ % s_types.Length);
                }
            }

            return data;
        }
    }

    [Theory]
    [InlineData(8)]
    [InlineData(16)]
    [InlineData(40)]
    [InlineData(64)]
    [InlineData(72)]
    [InlineData(80)]
    [InlineData(96)]
    [InlineData(112)]
    [InlineData(128)]
    public void Every_width_of_head(int D)
    {
        (FlashProblem.One(37, 90, 2, 1, D, causal: true) with { Backward = true }).Check();
        (FlashProblem.One(33, 33, 1, 1, D, causal: false) with { Backward = true, Queries = DType.BF16, Cache = DType.BF16 }).Check();
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Runs_of_unequal_lengths(bool causal, int? window, int H, int K, bool mask, int types) =>
        Ragged(new AttentionSegments(s_ragged, causal, window), H, K, mask, types).Check();

    [Theory]
    [InlineData(20)]
    [InlineData(136)]
    public void Widths_that_tiles_do_not_fit_have_another_kernel(int D) => (FlashProblem.One(9, 21, 2, 1, D, causal: true) with { Backward = true }).Check();

    [Theory]
    [InlineData(false, null)]
    [InlineData(true, null)]
    [InlineData(true, 12)]
    public void Runs_may_share_keys_and_come_in_any_order_of_keys(bool causal, int? window)
    {
        AttentionSegment[] shared = [new(0, 40, 0, 90), new(40, 50, 30, 200), new(90, 10, 0, 230)], swapped = [new(0, 40, 60, 40), new(40, 50, 5, 50)];
        (new FlashProblem(100, 240, 2, 1, 16, new AttentionSegments(shared, causal, window)) { Backward = true }).Check();
        (new FlashProblem(90, 110, 2, 1, 16, new AttentionSegments(swapped, causal, window)) { Backward = true }).Check();
    }

    [Fact]
    public void Nothing_to_see_gives_zeros()
    {
        (FlashProblem.One(70, 90, 2, 1, 16, causal: false) with { Mask = new byte[90], Backward = true }).Check();
        (new FlashProblem(9, 20, 2, 1, 16, new AttentionSegments([], true)) { Backward = true }).Check();
        (new FlashProblem(5, 0, 2, 1, 16, new AttentionSegments([new(0, 5, 0, 0)], false)) { Backward = true }).Check();
    }

    [Theory]
    [InlineData(false, null, 2, 2, true)]
    [InlineData(true, null, 4, 1, false)]
    [InlineData(true, 9, 4, 1, true)]
    public void Equal_bits_whatever_the_order_of_threads_blocks_and_copies(bool causal, int? window, int H, int K, bool mask)
    {
        using var t = new TestScope("cuda", compute: Compute.BF16);
        FlashProblem problem = Ragged(new AttentionSegments(s_ragged, causal, window), H, K, mask, types: 0);
        float[][] first = problem.Run(t);
        for (int i = 0; i < 7; i++)
        {
            Assert.Equal(first, problem.Run(t));
        }
    }

    [Fact]
    public void A_sequence_gives_the_same_bits_alone_and_in_a_batch()
    {
        const int T = 150, H = 4, D = 16;
        var both = new FlashProblem(T + 50, T + 90, H, 2, D, new AttentionSegments([new(0, T, 0, T), new(T, 50, T, 90)], true)) { Backward = true };
        using var t = new TestScope("cuda", compute: Compute.BF16);
        float[][] alone = (both with { Segments = new AttentionSegments([new(0, T, 0, T)], true) }).Run(t), batch = both.Run(t);
        for (int i = 0; i < alone.Length; i++)
        {
            int count = alone[i].Length / (i < 3 ? T + 50 : T + 90) * T;
            Assert.Equal(alone[i][..count], batch[i][..count]);
        }
    }

    [Theory]
    [InlineData(64, false)]
    [InlineData(16, true)]
    public void Keys_that_many_rows_see_are_shared_by_blocks(int D, bool mask)
    {
        AttentionSegment[] runs = [new(0, 290, 0, 40), new(290, 300, 30, 90), new(590, 20, 0, 100)];
        var problem = new FlashProblem(610, 125, 8, 1, D, new AttentionSegments(runs, false)) { Backward = true, Mask = mask ? FlashProblem.Random(125, 4) : null };
        problem.Check();
        (problem with { Segments = new AttentionSegments([new(0, 600, 0, 120)], true) }).Check();
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Short_runs_only(bool causal)
    {
        AttentionSegment[] runs = [.. Enumerable.Range(0, 4).Select(i => new AttentionSegment(i * 50, 50 - i, i * 50, 50 - i))];
        (new FlashProblem(200, 200, 2, 2, 80, new AttentionSegments(runs, causal)) { Backward = true, Queries = DType.BF16, Cache = DType.BF16 }).Check();
        (new FlashProblem(200, 200, 1, 1, 64, new AttentionSegments(runs, causal)) { Backward = true }).Check();
    }

    [Theory]
    [InlineData(20, 20, true, DType.BF16)]
    [InlineData(20, 20, true, DType.F32)]
    [InlineData(700, 120, true, DType.BF16)]
    [InlineData(3, 4000, false, DType.BF16)]
    public void Scratch_memory_is_what_a_plan_says(int T, int S, bool backward, DType type)
    {
        using CudaDevice device = CudaEmulator.Open();
        var planned = new ScratchKernels(device.Multiprocessors);
        using var arena = new Arena(device);
        using var scope = new StepScope(device, arena, record: false);
        Tensor Zeros(DType dtype, params int[] sizes)
        {
            Tensor x = scope.New(new Shape(sizes), dtype);
            device.Kernels.Fill(x, 0);
            return x;
        }

        Tensor q = Zeros(type, T, 8, 64), k = Zeros(type, S, 1, 64);
        var args = new AttentionArgs(q, k, k, Zeros(type, T, 8, 64), Zeros(DType.F32, T, 8), new AttentionSegments([new(0, T, 0, S)], false), 0.1f, null, Compute.BF16);
        var grad = new AttentionGrad(Zeros(type, T, 8, 64), Zeros(type, T, 8, 64), Zeros(type, S, 1, 64), Zeros(type, S, 1, 64));
        foreach (IKernels kernels in (IKernels[])[device.Kernels, planned])
        {
            kernels.Attention(args);
            if (backward)
            {
                kernels.AttentionBackward(args, grad);
            }
        }

        device.Synchronize();
        Assert.Equal(device.ScratchBytes, planned.ScratchBytes);
    }

    [Fact]
    public void Extreme_scores_give_no_nan()
    {
        using var t = new TestScope("cuda", compute: Compute.BF16);
        float[][] results = (FlashProblem.One(70, 200, 2, 1, 64, causal: true) with { QueryScale = 10000, Backward = true }).Run(t);
        Assert.True(results[1].Max() > 1e4);
        Assert.All(results.SelectMany(x => x), x => Assert.True(float.IsFinite(x)));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_nan_is_seen_by_those_who_see_its_key_and_by_nobody_where_it_is_hidden(bool hidden)
    {
        const int T = 70, D = 16, Bad = 130;
        using var t = new TestScope("cuda", compute: Compute.BF16);
        float[] keys = new float[T * 2 * D], values = new float[keys.Length];
        Rng.FillNormal(keys, 1, 5);
        Rng.FillNormal(values, 1, 6);
        keys[Bad * D] = values[(Bad * D) + 3] = float.NaN;
        byte[] mask = new byte[T * 2];
        Array.Fill(mask, (byte)1);
        mask[Bad] = (byte)(hidden ? 0 : 1);
        var shape = new Shape(T * 2, 1, D);
        Tensor q = t.Normal(new Shape(T, 1, D), 4), y = t.Scope.New(q.Shape);
        var segments = new AttentionSegments([new(0, T, 0, 2 * T)], false);
        t.Kernels.Attention(new AttentionArgs(q, t.From(keys, shape), t.From(values, shape), y, null, segments, 0.25f, t.Scope.From<byte>(mask, new Shape(2 * T), DType.U8), Compute.BF16));
        Assert.All(y.ToHost<float>(), x => Assert.Equal(!hidden, float.IsNaN(x)));
    }

    [Theory]
    [Trait("tier", "slow")]
    [InlineData(64, 8, 2, DType.BF16)]
    [InlineData(80, 6, 6, DType.F32)]
    [InlineData(128, 7, 1, DType.BF16)]
    public void Many_tiles(int D, int H, int K, DType type)
    {
        var segments = new AttentionSegments([new(0, 300, 0, 300), new(300, 65, 300, 400)], true);
        var problem = new FlashProblem(365, 700, H, K, D, segments) { Queries = type, Cache = type, Backward = true };
        problem.Check();
        (problem with { Segments = new AttentionSegments(segments.Segments, false), Mask = FlashProblem.Random(700, 3) }).Check();
        (problem with { Segments = segments.WithWindow(100) }).Check();
    }

    private static FlashProblem Ragged(AttentionSegments segments, int H, int K, bool mask, int types) => new(175, 280, H, K, 16, segments)
    {
        Queries = s_types[types].Queries,
        Cache = s_types[types].Cache,
        Mask = mask ? FlashProblem.Random(280, 9) : null,
        Backward = true,
    };
}
