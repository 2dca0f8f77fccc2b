using System.Globalization;

namespace Lorikeet.Tensors.Cpu.Tests;

/// <summary>Attention that looks back over a window only, forward and backward, against double precision.</summary>
public sealed class FlashWindowTests
{
    // T, S, H, K, D, window.
    private static readonly int[][] Shapes =
    [
        [5, 5, 2, 1, 16, 1], [33, 33, 3, 3, 64, 7], [100, 100, 9, 3, 64, 99], [100, 100, 9, 3, 64, 100], [500, 500, 2, 1, 64, 1],
        [193, 193, 2, 1, 64, 64], [700, 700, 2, 2, 32, 250], [700, 700, 4, 1, 24, 13], [900, 900, 1, 1, 16, 400], [70, 250, 4, 2, 72, 40],
        [70, 250, 4, 2, 72, 200], [250, 70, 2, 2, 72, 30], [20, 30, 2, 1, 5, 3], [40, 1300, 1, 1, 40, 90], [1, 2000, 9, 3, 64, 300],
        [4, 1100, 6, 2, 64, 500], [16, 1537, 3, 1, 64, 1530], [100, 1800, 3, 1, 64, 1000], [1, 40, 2, 1, 64, 40], [12, 12, 4, 2, 64, 4],
    ];

    public static TheoryData<GemmPath, bool> Paths => FlashForwardTests.Paths;

    [Theory]
    [MemberData(nameof(Paths))]
    public void One_segment_matches_double_precision(GemmPath path, bool bf16)
    {
        foreach (int[] s in Shapes)
        {
            Check(Problem(s, new AttentionSegments([new(0, s[0], 0, s[1])], true, s[5]), null, bf16), path);
        }
    }

    [Theory]
    [MemberData(nameof(Paths))]
    public void Masked_keys_count_for_the_window(GemmPath path, bool bf16)
    {
        foreach (int[] s in Shapes)
        {
            Check(Problem(s, new AttentionSegments([new(0, s[0], 0, s[1])], true, s[5]), FlashForwardTests.Random(s[1], 5), bf16), path);
        }

        byte[] runs = new byte[700];
        runs.AsSpan(0, 130).Fill(1);
        runs.AsSpan(512, 60).Fill(1);
        Check(Problem([700, 700, 2, 1, 64, 100], new AttentionSegments([new(0, 700, 0, 700)], true, 100), runs, bf16), path);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(12)]
    [InlineData(100)]
    public void Segments_of_unequal_lengths_empty_ones_gaps_and_shared_keys(int window)
    {
        AttentionSegment[] segments = [new(2, 7, 0, 7), new(9, 0, 7, 5), new(9, 40, 20, 31), new(49, 3, 60, 0), new(60, 1, 60, 140), new(70, 129, 200, 129)];
        Check(Problem([205, 340, 4, 2, 64], new AttentionSegments(segments, true, window), null, false), GemmPath.Auto);
        Check(Problem([205, 340, 4, 2, 64], new AttentionSegments(segments, true, window), FlashForwardTests.Random(340, 9), false), GemmPath.Auto);
        AttentionSegment[] shared = [new(0, 40, 0, 90), new(40, 50, 30, 300), new(90, 10, 0, 300)];
        Check(Problem([100, 330, 4, 2, 32], new AttentionSegments(shared, true, window), null, false), GemmPath.Auto);
    }

    [Fact]
    public void A_window_of_all_keys_changes_no_bit()
    {
        AttentionSegment[] segments = [new(0, 300, 0, 300), new(300, 20, 300, 500)];
        using var pool = new WorkPool(2);
        using var engine = new FlashAttention(pool);
        using AttentionProblem open = Problem([320, 800, 6, 2, 64], new AttentionSegments(segments, true), null, false);
        using AttentionProblem wide = Problem([320, 800, 6, 2, 64], new AttentionSegments(segments, true, 500), null, false);
        Assert.Equal(open.Forward(engine).Out, wide.Forward(engine).Out);
        Assert.Equal(open.Backward(engine).DK, wide.Backward(engine).DK);
        using AttentionProblem narrow = Problem([320, 800, 6, 2, 64], new AttentionSegments(segments, true, 299), null, false);
        Assert.NotEqual(open.Forward(engine).Out, narrow.Forward(engine).Out);
    }

    [Fact]
    public void A_single_query_sees_the_last_keys_only()
    {
        // Its result is that of the last keys alone, bit by bit: the rest is not read.
        using var pool = new WorkPool(2);
        using var engine = new FlashAttention(pool);
        using AttentionProblem window = Problem([1, 2000, 6, 2, 64], new AttentionSegments([new(0, 1, 0, 2000)], true, 640), null, false);
        using AttentionProblem alone = Problem([1, 2000, 6, 2, 64], new AttentionSegments([new(0, 1, 1360, 640)], true), null, false);
        window.Keys.AsSpan(0, 1360 * 2 * 64).Fill(float.NaN);
        Assert.Equal(alone.Forward(engine).Out, window.Forward(engine).Out);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Equal_bits_for_any_number_of_threads_and_alone_as_in_a_batch(bool bf16)
    {
        AttentionSegment[] segments = [new(0, 300, 0, 450), new(300, 20, 450, 500), new(320, 100, 950, 50)];
        using AttentionProblem x = Problem([420, 1000, 6, 2, 64], new AttentionSegments(segments, true, 120), null, bf16);
        using AttentionProblem alone = Problem([420, 1000, 6, 2, 64], new AttentionSegments([segments[0]], true, 120), null, bf16);
        float[]? y = null;
        (float[] DQ, float[] DK, float[] DV)? d = null;
        foreach (int threads in (int[])[1, 2, 5])
        {
            using var pool = new WorkPool(threads);
            using var engine = new FlashAttention(pool);
            Assert.Equal(y ??= x.Forward(engine).Out, x.Forward(engine).Out);
            d ??= x.Backward(engine);
            (float[] DQ, float[] DK, float[] DV) again = x.Backward(engine);
            Assert.Equal(d.Value.DQ, again.DQ);
            Assert.Equal(d.Value.DK, again.DK);
            Assert.Equal(d.Value.DV, again.DV);
            Assert.Equal(y[..(300 * 6 * 64)], alone.Forward(engine).Out[..(300 * 6 * 64)]);
        }
    }

    [Fact]
    public void A_window_needs_causality_and_a_key()
    {
        Assert.Throws<ArgumentException>(() => new AttentionSegments([], causal: false, window: 3));
        Assert.Throws<ArgumentException>(() => new AttentionSegments([], causal: true, window: 0));
        Assert.Equal(3, new AttentionSegments([], causal: true).WithWindow(3).Window);
    }

    private static AttentionProblem Problem(int[] s, AttentionSegments segments, byte[]? mask, bool bf16) => new AttentionProblem
    {
        T = s[0], S = s[1], H = s[2], K = s[3], D = s[4], Segments = segments, Mask = mask, Bf16 = bf16, Scale = (float)(1 / Math.Sqrt(s[4])),
    }.Draw((ulong)((s[0] * 31) + s[4]));

    private static void Check(AttentionProblem problem, GemmPath path)
    {
        using AttentionProblem x = problem;
        using var pool = new WorkPool(2);
        using var engine = new FlashAttention(pool, path);
        (float[] y, float[] lse) = x.Forward(engine);
        string what = string.Create(CultureInfo.InvariantCulture, $"T {x.T} S {x.S} H {x.H} D {x.D} window {x.Segments.Window} {path} bf16 {x.Bf16} mask {x.Mask is not null}");
        Assert.True(FlashForwardTests.Worst(y, x.Out) < (x.Bf16 ? 1.5e-2 : 2e-6) * Math.Max(1, x.Out.Max(Math.Abs)), what);
        for (int i = 0; i < lse.Length; i++)
        {
            Assert.True(double.IsNegativeInfinity(x.Lse[i]) ? float.IsNegativeInfinity(lse[i]) : Math.Abs(x.Lse[i] - lse[i]) < (x.Bf16 ? 2e-2 : 5e-6), what);
        }

        (float[] dQ, float[] dK, float[] dV) = x.Backward(engine);
        foreach ((string name, float[] actual, double[] expected) in new[] { ("dQ", dQ, x.DQ), ("dK", dK, x.DK), ("dV", dV, x.DV) })
        {
            double tolerance = (x.Bf16 ? 2e-2 : 5e-6) * Math.Max(1, expected.Max(Math.Abs)), worst = FlashForwardTests.Worst(actual, expected);
            Assert.True(worst < tolerance, string.Create(CultureInfo.InvariantCulture, $"{name} {what}: error {worst:g3}, tolerance {tolerance:g3}"));
        }
    }
}
