using System.Globalization;
using Lorikeet.Testing;

namespace Lorikeet.Tensors.Cuda.Tests;

/// <summary>One attention in bfloat16 arithmetic, on any device, results poisoned beforehand.</summary>
internal sealed record FlashProblem(int T, int S, int H, int K, int D, AttentionSegments Segments)
{
    public DType Queries { get; init; } = DType.F32;

    public DType Cache { get; init; } = DType.F32;

    public byte[]? Mask { get; init; }

    public float QueryScale { get; init; } = 1;

    public bool Backward { get; init; }

    /// <summary>One run of queries over one run of keys.</summary>
    public static FlashProblem One(int T, int S, int H, int K, int D, bool causal, int? window = null) =>
        new(T, S, H, K, D, new AttentionSegments([new(0, T, 0, S)], causal, window));

    /// <summary>The mask of a seed: about a third of the keys hidden.</summary>
    public static byte[] Random(int S, ulong seed) => [.. Enumerable.Range(0, S).Select(i => (byte)(Rng.Philox(seed, (ulong)i, 3).X % 3 == 0 ? 0 : 1))];

    /// <summary>Everything that the kernels write: out, lse and, when backward, dQ, dK, dV.</summary>
    public float[][] Run(TestScope t)
    {
        // Drawn in bfloat16, so that every device reads the same values whatever type they are kept in.
        Tensor q = Draw(t, new Shape(T, H, D), 1, Queries, QueryScale), k = Draw(t, new Shape(S, K, D), 2, Cache), v = Draw(t, new Shape(S, K, D), 3, Cache);
        Tensor y = Poisoned(t, q.Shape, Queries), lse = Poisoned(t, new Shape(T, H), DType.F32);
        Tensor? mask = Mask is null ? null : t.Scope.From<byte>(Mask, new Shape(S), DType.U8);
        var args = new AttentionArgs(q, k, v, y, lse, Segments, (float)(1 / Math.Sqrt(D)), mask, Compute.BF16);
        t.Kernels.Attention(args);
        if (!Backward)
        {
            return [Floats(y), Floats(lse)];
        }

        Tensor dQ = Poisoned(t, q.Shape, Queries), dK = Poisoned(t, k.Shape, Cache), dV = Poisoned(t, k.Shape, Cache);
        t.Kernels.AttentionBackward(args, new AttentionGrad(Draw(t, q.Shape, 4, Queries), dQ, dK, dV));
        return [Floats(y), Floats(lse), Floats(dQ), Floats(dK), Floats(dV)];
    }

    /// <summary>
    /// Compares a GPU with the reference in double precision. Products of values rounded to bfloat16 are exact; what is rounded on the
    /// way are the weights and, backward, the gradients of the scores: 2^-9 each, so errors stay below 1 % of the largest value.
    /// </summary>
    public void Check()
    {
        using var gpu = new TestScope("cuda", compute: Compute.BF16);
        using var host = new TestScope("reference", compute: Compute.BF16);
        float[][] actual = Run(gpu), expected = (this with { Queries = DType.F32, Cache = DType.F32 }).Run(host);
        string[] names = ["out", "lse", "dQ", "dK", "dV"];
        for (int i = 0; i < actual.Length; i++)
        {
            Close(names[i], expected[i], actual[i]);
        }
    }

    public override string ToString() => string.Create(
        CultureInfo.InvariantCulture, $"T {T} S {S} H {H} K {K} D {D} causal {Segments.Causal} window {Segments.Window} {Queries} {Cache} mask {Mask is not null} runs {Segments.Segments.Count}");

    private void Close(string name, float[] expected, float[] actual)
    {
        float most = 0.01f;
        foreach (float x in expected)
        {
            most = float.IsFinite(x) ? Math.Max(most, Math.Abs(x)) : most;
        }

        double tolerance = name == "lse" ? 2e-5 * Math.Max(1, most) : 1e-2 * most;
        for (int i = 0; i < expected.Length; i++)
        {
            bool good = float.IsNegativeInfinity(expected[i]) ? float.IsNegativeInfinity(actual[i]) : Math.Abs(expected[i] - actual[i]) <= tolerance;
            if (!good)
            {
                Assert.Fail(string.Create(CultureInfo.InvariantCulture, $"{this}: {name}[{i}] is {actual[i]}, expected {expected[i]} within {tolerance:g2}"));
            }
        }
    }

    private static Tensor Draw(TestScope t, Shape shape, ulong key, DType type, float scale = 1)
    {
        float[] values = new float[shape.Count];
        Rng.FillNormal(values, scale, key);
        for (int i = 0; i < values.Length; i++)
        {
            // Few enough digits for every type.
            values[i] = BitConverter.UInt32BitsToSingle(BitConverter.SingleToUInt32Bits(values[i]) & 0xFFFF0000);
            values[i] = Math.Abs(values[i]) < 1e-3f ? 0 : values[i];
        }

        return t.From(values, shape, type);
    }

    private static Tensor Poisoned(TestScope t, Shape shape, DType type)
    {
        float[] values = new float[shape.Count];
        Array.Fill(values, float.NaN);
        return t.From(values, shape, type);
    }

    private static float[] Floats(Tensor x) => x.DType switch
    {
        DType.F32 => x.ToHost<float>(),
        DType.BF16 => [.. x.ToHost<ushort>().Select(bits => BitConverter.UInt32BitsToSingle((uint)bits << 16))],
        _ => [.. x.ToHost<Half>().Select(half => (float)half)],
    };
}
