namespace Lorikeet.Tensors.Cpu.Tests;

/// <summary>Attention backward against double precision. Tolerances relative to the largest gradient: f32 5e-6, bf16 inputs 2e-2.</summary>
public sealed class FlashBackwardTests
{
    [Theory]
    [MemberData(nameof(FlashForwardTests.Shapes), MemberType = typeof(FlashForwardTests))]
    public void One_segment_matches_double_precision(int T, int S, int H, int K, int D, bool causal)
    {
        AttentionSegment[] segments = [new(0, T, 0, S)];
        Check(T, S, H, K, D, new AttentionSegments(segments, causal), null, GemmPath.Auto, false);
        Check(T, S, H, K, D, new AttentionSegments(segments, causal), null, GemmPath.Auto, true);
    }

    [Theory]
    [MemberData(nameof(FlashForwardTests.Paths), MemberType = typeof(FlashForwardTests))]
    public void Every_instruction_set_matches_double_precision(GemmPath path, bool bf16)
    {
        foreach (int D in (int[])[16, 24, 64, 72, 9])
        {
            var segments = new AttentionSegments([new(0, 50, 0, 100), new(52, 138, 101, 139)], true);
            Check(190, 240, 4, 2, D, segments, FlashForwardTests.Random(240, 5), path, bf16);
            Check(190, 240, 2, 2, D, segments, null, path, bf16);
        }
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Segments_of_unequal_lengths_empty_ones_and_gaps(bool causal)
    {
        AttentionSegment[] segments = [new(2, 7, 0, 7), new(9, 0, 7, 5), new(9, 40, 20, 31), new(49, 3, 60, 0), new(60, 1, 60, 140), new(70, 129, 200, 129)];
        Check(205, 340, 4, 2, 64, new AttentionSegments(segments, causal), null, GemmPath.Auto, false);
        Check(205, 340, 4, 2, 64, new AttentionSegments(segments, causal), FlashForwardTests.Random(340, 9), GemmPath.Auto, false);
    }

    [Fact]
    public void Segments_may_share_keys_and_come_in_any_order_of_keys()
    {
        AttentionSegment[] shared = [new(0, 40, 0, 90), new(40, 50, 30, 300), new(90, 10, 0, 300)];
        Check(100, 330, 4, 2, 32, new AttentionSegments(shared, true), null, GemmPath.Auto, false);
        AttentionSegment[] swapped = [new(0, 40, 60, 40), new(40, 50, 5, 50)];
        Check(90, 110, 4, 2, 32, new AttentionSegments(swapped, true), null, GemmPath.Auto, false);
    }

    [Fact]
    public void A_mask_that_hides_all_keys_gives_no_gradient() =>
        Check(90, 200, 2, 1, 64, new AttentionSegments([new(0, 90, 0, 200)], true), new byte[200], GemmPath.Auto, false);

    [Fact]
    public void No_segment_at_all_gives_zeros() => Check(9, 20, 2, 1, 64, new AttentionSegments([], true), null, GemmPath.Auto, false);

    [Fact]
    public void Agrees_with_finite_differences()
    {
        byte[] mask = FlashForwardTests.Random(30, 3);
        var segments = new AttentionSegments([new(0, 9, 0, 14), new(9, 8, 14, 16)], true);
        AttentionProblem Make() => new()
        {
            T = 17, S = 30, H = 4, K = 2, D = 24, Scale = 0.2f, Segments = segments, Mask = mask,
        };
        using AttentionProblem x = Make().Draw(5);
        using var pool = new WorkPool(1);
        using var engine = new FlashAttention(pool);
        (float[] dQ, float[] dK, float[] dV) = x.Backward(engine);
        foreach ((float[] gradient, Func<AttentionProblem, float[]> operand) in
            new (float[], Func<AttentionProblem, float[]>)[] { (dQ, p => p.Q), (dK, p => p.Keys), (dV, p => p.Values) })
        {
            for (int i = 0; i < gradient.Length; i += 37)
            {
                Assert.Equal(Difference(x, engine, operand(x), i), gradient[i], 2e-3);
            }
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Extreme_scores_give_no_nan(bool bf16)
    {
        using AttentionProblem x = new AttentionProblem
        {
            T = 70, S = 700, H = 2, K = 1, D = 64, Scale = 1, Bf16 = bf16, Segments = new AttentionSegments([new(0, 70, 0, 700)], true),
        }.Draw(3, queryScale: 1250);
        using var pool = new WorkPool(2);
        using var engine = new FlashAttention(pool);
        (float[] dQ, float[] dK, float[] dV) = x.Backward(engine);
        Assert.All([.. dQ, .. dK, .. dV], v => Assert.True(float.IsFinite(v)));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Equal_bits_for_any_number_of_threads(bool bf16)
    {
        using AttentionProblem x = new AttentionProblem
        {
            T = 420, S = 1000, H = 6, K = 2, D = 64, Scale = 0.125f, Bf16 = bf16,
            Segments = new AttentionSegments([new(0, 300, 0, 450), new(300, 20, 450, 500), new(320, 100, 950, 50)], true),
        }.Draw(17);
        (float[] DQ, float[] DK, float[] DV)? expected = null;
        foreach (int threads in (int[])[1, 2, 3, 7])
        {
            using var pool = new WorkPool(threads);
            using var engine = new FlashAttention(pool);
            (float[] DQ, float[] DK, float[] DV) y = x.Backward(engine);
            expected ??= y;
            Assert.Equal(expected.Value.DQ, y.DQ);
            Assert.Equal(expected.Value.DK, y.DK);
            Assert.Equal(expected.Value.DV, y.DV);
        }
    }

    /// <summary>Central difference of sum(Out dOut) by one element of an operand.</summary>
    private static double Difference(AttentionProblem x, FlashAttention engine, float[] operand, int i)
    {
        const float Step = 1f / 128;
        float value = operand[i];
        double Loss()
        {
            float[] y = x.Forward(engine).Out;
            double sum = 0;
            for (int j = 0; j < y.Length; j++)
            {
                sum += (double)y[j] * x.DOut[j];
            }

            return sum;
        }

        operand[i] = value + Step;
        double above = Loss();
        operand[i] = value - Step;
        double below = Loss();
        operand[i] = value;
        return (above - below) / (2 * Step);
    }

    private static void Check(int T, int S, int H, int K, int D, AttentionSegments segments, byte[]? mask, GemmPath path, bool bf16)
    {
        using AttentionProblem x = new AttentionProblem
        {
            T = T, S = S, H = H, K = K, D = D, Segments = segments, Mask = mask, Bf16 = bf16, Scale = (float)(1 / Math.Sqrt(D)),
        }.Draw((ulong)((T * 31) + D));
        using var pool = new WorkPool(2);
        using var engine = new FlashAttention(pool, path);
        (float[] dQ, float[] dK, float[] dV) = x.Backward(engine);
        foreach ((string name, float[] actual, double[] expected) in new[] { ("dQ", dQ, x.DQ), ("dK", dK, x.DK), ("dV", dV, x.DV) })
        {
            double tolerance = (bf16 ? 2e-2 : 5e-6) * Math.Max(1, expected.Max(Math.Abs));
            double worst = FlashForwardTests.Worst(actual, expected);
            Assert.True(worst < tolerance, $"{name} T {T} S {S} H {H} K {K} D {D} {path} bf16 {bf16}: error {worst:g3}, tolerance {tolerance:g3}");
        }
    }
}
