namespace Lorikeet.Tensors.Cpu.Tests;

/// <summary>Attention forward against double precision. Tolerances: f32 2e-6, bf16 inputs 1.5e-2 of the largest value (2^-8 per input).</summary>
public sealed class FlashForwardTests
{
    public static TheoryData<int, int, int, int, int, bool> Shapes => new()
    {
        // T, S, H, K, D, causal
        { 1, 1, 1, 1, 16, true }, { 5, 5, 2, 1, 16, true }, { 33, 33, 3, 3, 64, false }, { 100, 100, 9, 3, 64, true },
        { 193, 193, 2, 1, 64, true }, { 70, 250, 4, 2, 72, true }, { 250, 70, 2, 2, 72, true }, { 64, 400, 2, 1, 80, false },
        { 31, 205, 3, 1, 96, true }, { 40, 97, 2, 1, 128, true }, { 65, 65, 4, 4, 24, true }, { 65, 129, 4, 2, 32, false },
        { 20, 30, 2, 1, 5, true }, { 20, 30, 2, 2, 1, false }, { 50, 61, 6, 2, 17, true }, { 13, 13, 2, 1, 3, true }, { 40, 300, 1, 1, 200, true },
        { 1, 2000, 9, 3, 64, true }, { 4, 1100, 6, 2, 64, true }, { 16, 1537, 3, 1, 64, true }, { 100, 1800, 3, 1, 64, true }, { 70, 1200, 2, 1, 24, false }, { 1, 700, 2, 1, 40, true }, { 2, 900, 8, 1, 128, false },
    };

    public static TheoryData<GemmPath, bool> Paths
    {
        get
        {
            var data = new TheoryData<GemmPath, bool>();
            foreach (GemmPath path in Enum.GetValues<GemmPath>())
            {
                if (path != GemmPath.Auto && KernelSet.IsSupported(path))
                {
                    data.Add(path, false);
                    data.Add(path, true);
                }
            }

            return data;
        }
    }

    [Theory]
    [MemberData(nameof(Shapes))]
    public void One_segment_matches_double_precision(int T, int S, int H, int K, int D, bool causal)
    {
        AttentionSegment[] segments = [new(0, T, 0, S)];
        Check(T, S, H, K, D, new AttentionSegments(segments, causal), null, GemmPath.Auto, false);
        Check(T, S, H, K, D, new AttentionSegments(segments, causal), null, GemmPath.Auto, true);
    }

    [Theory]
    [MemberData(nameof(Paths))]
    public void Every_instruction_set_matches_double_precision(GemmPath path, bool bf16)
    {
        foreach (int D in (int[])[16, 24, 64, 72, 9])
        {
            Check(90, 140, 4, 2, D, new AttentionSegments([new(0, 50, 0, 100), new(52, 38, 101, 39)], true), Random(140, 5), path, bf16);
        }
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Segments_of_unequal_lengths_empty_ones_and_gaps(bool causal)
    {
        AttentionSegment[] segments = [new(2, 7, 0, 7), new(9, 0, 7, 5), new(9, 40, 20, 31), new(49, 3, 60, 0), new(60, 1, 60, 140), new(70, 129, 200, 129)];
        Check(205, 340, 4, 2, 64, new AttentionSegments(segments, causal), null, GemmPath.Auto, false);
        Check(205, 340, 4, 2, 64, new AttentionSegments(segments, causal), Random(340, 9), GemmPath.Auto, false);
    }

    [Theory]
    [InlineData(3, 1200)]
    [InlineData(90, 200)]
    public void A_mask_that_hides_all_keys_gives_zero(int T, int S)
    {
        Check(T, S, 2, 1, 64, new AttentionSegments([new(0, T, 0, S)], true), new byte[S], GemmPath.Auto, false);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(60)]
    public void Hidden_runs_of_keys(int T)
    {
        byte[] mask = new byte[1500];
        mask.AsSpan(600, 250).Fill(1);
        mask[3] = 1;
        mask[1499] = 1;
        Check(T, 1500, 2, 1, 64, new AttentionSegments([new(0, T, 0, 1500)], true), mask, GemmPath.Auto, false);
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
        Assert.True(x.Lse.Max() > 1e4);
        using var pool = new WorkPool(2);
        using var engine = new FlashAttention(pool);
        (float[] y, float[] lse) = x.Forward(engine);
        Assert.All(y, v => Assert.True(float.IsFinite(v)));
        Assert.All(lse, v => Assert.True(float.IsFinite(v)));
        if (!bf16)
        {
            // Scores of 1e4 are known to 1e-3, so are exponentials.
            Assert.True(Worst(y, x.Out) < 1e-2);
        }
    }

    [Fact]
    public void A_nan_in_the_input_is_not_swallowed()
    {
        using AttentionProblem x = new AttentionProblem
        {
            T = 3, S = 40, H = 1, K = 1, D = 16, Scale = 1, Segments = new AttentionSegments([new(0, 3, 0, 40)], false),
        }.Draw(3);
        x.Keys[16 * 7] = float.NaN;
        using var pool = new WorkPool(1);
        foreach (GemmPath path in Enum.GetValues<GemmPath>().Where(p => p != GemmPath.Auto && KernelSet.IsSupported(p)))
        {
            using var engine = new FlashAttention(pool, path);
            Assert.All(x.Forward(engine).Out, v => Assert.True(float.IsNaN(v)));
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Equal_bits_for_any_number_of_threads(bool bf16)
    {
        using AttentionProblem x = new AttentionProblem
        {
            T = 500, S = 2100, H = 6, K = 2, D = 64, Scale = 0.125f, Bf16 = bf16,
            Segments = new AttentionSegments([new(0, 400, 0, 450), new(400, 3, 450, 1600), new(403, 97, 2050, 50)], true),
        }.Draw(17);
        (float[] Out, float[] Lse)? expected = null;
        foreach (int threads in (int[])[1, 2, 3, 7])
        {
            using var pool = new WorkPool(threads);
            using var engine = new FlashAttention(pool);
            (float[] Out, float[] Lse) y = x.Forward(engine);
            expected ??= y;
            Assert.Equal(expected.Value.Out, y.Out);
            Assert.Equal(expected.Value.Lse, y.Lse);
        }
    }

    [Fact]
    public void A_sequence_gives_the_same_bits_alone_and_in_a_batch()
    {
        using var pool = new WorkPool(2);
        using var engine = new FlashAttention(pool);
        foreach (int T in (int[])[1, 20, 300])
        {
            using AttentionProblem both = new AttentionProblem
            {
                T = T + 50, S = 1700, H = 6, K = 2, D = 64, Scale = 0.125f,
                Segments = new AttentionSegments([new(0, T, 0, 1600), new(T, 50, 1600, 100)], true),
            }.Draw(8);
            using AttentionProblem alone = new AttentionProblem
            {
                T = T + 50, S = 1700, H = 6, K = 2, D = 64, Scale = 0.125f,
                Segments = new AttentionSegments([new(0, T, 0, 1600)], true),
            }.Draw(8);
            int floats = T * 6 * 64;
            Assert.Equal(alone.Forward(engine).Out[..floats], both.Forward(engine).Out[..floats]);
        }
    }

    internal static byte[] Random(int count, ulong seed) => [.. AttentionProblem.Normal(count, seed, 1).Select(x => (byte)(x > 0 ? 1 : 0))];

    internal static double Worst(float[] actual, double[] expected)
    {
        double worst = 0;
        for (int i = 0; i < actual.Length; i++)
        {
            double error = Math.Abs(actual[i] - expected[i]);
            worst = double.IsNaN(error) ? double.PositiveInfinity : Math.Max(worst, error);
        }

        return worst;
    }

    private static void Check(int T, int S, int H, int K, int D, AttentionSegments segments, byte[]? mask, GemmPath path, bool bf16)
    {
        using AttentionProblem x = new AttentionProblem
        {
            T = T, S = S, H = H, K = K, D = D, Segments = segments, Mask = mask, Bf16 = bf16, Scale = (float)(1 / Math.Sqrt(D)),
        }.Draw((ulong)((T * 31) + D));
        using var pool = new WorkPool(2);
        using var engine = new FlashAttention(pool, path);
        (float[] y, float[] lse) = x.Forward(engine);
        double tolerance = (bf16 ? 1.5e-2 : 2e-6) * Math.Max(1, x.Out.Max(Math.Abs));
        Assert.True(Worst(y, x.Out) < tolerance, $"T {T} S {S} H {H} K {K} D {D} {path} bf16 {bf16}: error {Worst(y, x.Out):g3}");
        for (int i = 0; i < lse.Length; i++)
        {
            if (double.IsNegativeInfinity(x.Lse[i]))
            {
                Assert.Equal(float.NegativeInfinity, lse[i]);
            }
            else
            {
                Assert.Equal(x.Lse[i], lse[i], bf16 ? 2e-2 : 5e-6);
            }
        }
    }
}
