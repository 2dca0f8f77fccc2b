using System.Runtime.InteropServices;

namespace Lorikeet.Tensors.Cpu.Tests;

/// <summary>Random operands of one attention, the result in double precision, and the engine's result between canaries.</summary>
internal sealed unsafe class AttentionProblem : IDisposable
{
    private const float Canary = 12345.678f;
    private const int Guard = 64;
    private readonly List<(nint Address, int Count)> _blocks = [];

    public required int T { get; init; }

    public required int S { get; init; }

    public required int H { get; init; }

    public required int K { get; init; }

    public required int D { get; init; }

    public required AttentionSegments Segments { get; init; }

    public float Scale { get; init; }

    public bool Bf16 { get; init; }

    public byte[]? Mask { get; init; }

    public float[] Q { get; private set; } = [];

    public float[] Keys { get; private set; } = [];

    public float[] Values { get; private set; } = [];

    public float[] DOut { get; private set; } = [];

    public double[] Out { get; private set; } = [];

    public double[] Lse { get; private set; } = [];

    public double[] DQ { get; private set; } = [];

    public double[] DK { get; private set; } = [];

    public double[] DV { get; private set; } = [];

    /// <summary>Fills the operands and computes the reference.</summary>
    public AttentionProblem Draw(ulong seed, float queryScale = 1)
    {
        Q = Normal(T * H * D, seed, queryScale);
        Keys = Normal(S * K * D, seed + 1, 1);
        Values = Normal(S * K * D, seed + 2, 1);
        DOut = Normal(T * H * D, seed + 3, 1);
        Reference();
        return this;
    }

    public static float[] Normal(int count, ulong seed, float scale)
    {
        float[] x = new float[count];
        ulong state = seed * 0x9E3779B97F4A7C15 + 1;
        for (int i = 0; i < count; i++)
        {
            double sum = 0;
            for (int j = 0; j < 4; j++)
            {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                sum += (state >> 11) * (1.0 / (1UL << 53)) - 0.5;
            }

            x[i] = (float)(sum * Math.Sqrt(3)) * scale;
        }

        return x;
    }

    /// <summary>Runs the engine forward; returns Out and Lse.</summary>
    public (float[] Out, float[] Lse) Forward(FlashAttention engine)
    {
        float* y = Block(T * H * D), lse = Block(T * H);
        FlashArgs args = Args(y, lse);
        fixed (byte* mask = Mask)
        {
            args.KeyMask = mask;
            engine.Forward(args, Segments);
        }

        CheckCanaries();
        return (Read(y, T * H * D), Read(lse, T * H));
    }

    /// <summary>Runs the engine forward and backward.</summary>
    public (float[] DQ, float[] DK, float[] DV) Backward(FlashAttention engine)
    {
        float* y = Block(T * H * D), lse = Block(T * H);
        FlashArgs args = Args(y, lse);
        var grad = new FlashGrad { DOut = Copy(DOut), DQ = Block(T * H * D), DK = Block(S * K * D), DV = Block(S * K * D) };
        fixed (byte* mask = Mask)
        {
            args.KeyMask = mask;
            engine.Forward(args, Segments);
            engine.Backward(args, grad, Segments);
        }

        CheckCanaries();
        return (Read(grad.DQ, T * H * D), Read(grad.DK, S * K * D), Read(grad.DV, S * K * D));
    }

    public void Dispose()
    {
        foreach ((nint address, int _) in _blocks)
        {
            NativeMemory.AlignedFree((void*)address);
        }

        _blocks.Clear();
    }

    private FlashArgs Args(float* y, float* lse) => new()
    {
        Q = Copy(Q), K = Copy(Keys), V = Copy(Values), Out = y, Lse = lse,
        Queries = T, Keys = S, Heads = H, KeyHeads = K, Width = D, Scale = Scale, Bf16 = Bf16,
    };

    private float* Copy(float[] x)
    {
        float* block = Block(x.Length);
        x.CopyTo(new Span<float>(block, x.Length));
        return block;
    }

    /// <summary>Memory filled with canaries, also before and behind.</summary>
    private float* Block(int count)
    {
        float* start = (float*)NativeMemory.AlignedAlloc((nuint)(count + (2 * Guard)) * 4, 64);
        new Span<float>(start, count + (2 * Guard)).Fill(Canary);
        _blocks.Add(((nint)start, count));
        return start + Guard;
    }

    private static float[] Read(float* x, int count) => new ReadOnlySpan<float>(x, count).ToArray();

    private void CheckCanaries()
    {
        foreach ((nint address, int count) in _blocks)
        {
            for (int i = 0; i < Guard; i++)
            {
                Assert.Equal(Canary, ((float*)address)[i]);
                Assert.Equal(Canary, ((float*)address)[Guard + count + i]);
            }
        }
    }

    private void Reference()
    {
        Out = new double[T * H * D];
        Lse = new double[T * H];
        Array.Fill(Lse, double.NegativeInfinity);
        DQ = new double[T * H * D];
        DK = new double[S * K * D];
        DV = new double[S * K * D];
        foreach (AttentionSegment s in Segments.Segments)
        {
            for (int i = 0; i < s.Queries; i++)
            {
                for (int h = 0; h < H; h++)
                {
                    Row(s, i, h);
                }
            }
        }
    }

    private void Row(AttentionSegment segment, int i, int h)
    {
        int q = (((segment.QueryStart + i) * H) + h) * D, kv = h * K / H;
        int seen = Segments.Causal ? Math.Clamp(i + 1 + segment.Keys - segment.Queries, 0, segment.Keys) : segment.Keys;
        int first = Math.Clamp(i + 1 + segment.Keys - segment.Queries - (Segments.Window ?? segment.Keys + segment.Queries), 0, seen);
        List<int> keys = [.. Enumerable.Range(segment.KeyStart + first, seen - first).Where(j => Mask == null || Mask[j] != 0)];
        if (keys.Count == 0)
        {
            return;
        }

        double[] p = [.. keys.Select(j => Scale * Dot(Q, q, Keys, ((j * K) + kv) * D))];
        double maximum = p.Max(), sum = p.Sum(x => Math.Exp(x - maximum));
        Lse[((segment.QueryStart + i) * H) + h] = maximum + Math.Log(sum);
        double delta = 0;
        for (int n = 0; n < p.Length; n++)
        {
            int at = ((keys[n] * K) + kv) * D;
            p[n] = Math.Exp(p[n] - maximum) / sum;
            for (int d = 0; d < D; d++)
            {
                Out[q + d] += p[n] * Values[at + d];
            }

            delta += p[n] * Dot(DOut, q, Values, at);
        }

        for (int n = 0; n < p.Length; n++)
        {
            int at = ((keys[n] * K) + kv) * D;
            double dS = Scale * p[n] * (Dot(DOut, q, Values, at) - delta);
            for (int d = 0; d < D; d++)
            {
                DV[at + d] += p[n] * DOut[q + d];
                DQ[q + d] += dS * Keys[at + d];
                DK[at + d] += dS * Q[q + d];
            }
        }
    }

    private double Dot(float[] a, int at, float[] b, int bt)
    {
        double sum = 0;
        for (int d = 0; d < D; d++)
        {
            sum += (double)a[at + d] * b[bt + d];
        }

        return sum;
    }
}
