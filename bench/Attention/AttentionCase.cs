using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using Lorikeet.Tensors;
using Lorikeet.Tensors.Cpu;

namespace Lorikeet.Bench.Attention;

/// <summary>One shape with its operands.</summary>
internal sealed unsafe class AttentionCase
{
    private readonly AttentionSegments _segments;
    private readonly FlashGrad _grad;
    private FlashArgs _args;
    private volatile float _sink;

    public AttentionCase(string name, AttentionSegments segments, int H, int K, int D)
    {
        Name = name;
        _segments = segments;
        AttentionSegment last = segments.Segments[^1];
        int T = last.QueryStart + last.Queries, S = last.KeyStart + last.Keys;
        _args = new FlashArgs
        {
            Q = Draw(T * H * D, 1), K = Draw(S * K * D, 2), V = Draw(S * K * D, 3), Out = Draw(T * H * D, 4), Lse = Draw(T * H, 5),
            Queries = T, Keys = S, Heads = H, KeyHeads = K, Width = D, Scale = 1 / MathF.Sqrt(D),
        };
        _grad = new FlashGrad { DOut = Draw(T * H * D, 6), DQ = Draw(T * H * D, 7), DK = Draw(S * K * D, 8), DV = Draw(S * K * D, 9) };
        foreach (AttentionSegment s in segments.Segments)
        {
            // Pairs of a query and a key that it sees.
            double seen = segments.Causal ? ((double)s.Queries * s.Keys) - ((double)s.Queries * (s.Queries - 1) / 2) : (double)s.Queries * s.Keys;
            double hidden = Math.Max(0, s.Keys - (double)(segments.Window ?? s.Keys));
            seen -= hidden * (hidden + 1) / 2;
            Forward += 4 * seen * D * H;
            Backward += 10 * seen * D * H;
            Bytes += 2.0 * s.Keys * K * D * sizeof(float);
        }
    }

    public string Name { get; }

    /// <summary>Floating-point operations of the forward pass.</summary>
    public double Forward { get; }

    /// <summary>Floating-point operations of the backward pass.</summary>
    public double Backward { get; }

    /// <summary>Bytes of keys and values.</summary>
    public double Bytes { get; }

    /// <summary>The forward pass, without the log-sums where no backward pass follows.</summary>
    public void RunForward(FlashAttention engine, bool bf16, bool inference)
    {
        FlashArgs args = _args;
        args.Bf16 = bf16;
        args.Lse = inference ? null : _args.Lse;
        engine.Forward(args, _segments);
    }

    public void RunBackward(FlashAttention engine, bool bf16)
    {
        _args.Bf16 = bf16;
        engine.Backward(_args, _grad, _segments);
    }

    /// <summary>Only reads keys and values, in order, on all threads.</summary>
    public void Read(WorkPool pool)
    {
        const int Floats = 8192;
        nint count = (nint)(Bytes / 2 / sizeof(float) / Floats);
        FlashArgs args = _args;
        pool.For((int)count * 2, i =>
        {
            float* x = (i < count ? args.K : args.V) + (i % count * Floats);
            Vector512<float> a = default, b = default, c = default, d = default;
            for (int j = 0; j < Floats; j += 64)
            {
                a += Vector512.Load(x + j);
                b += Vector512.Load(x + j + 16);
                c += Vector512.Load(x + j + 32);
                d += Vector512.Load(x + j + 48);
            }

            _sink = Vector512.Sum(a + b + c + d);
        });
    }

    private static float* Draw(int count, uint seed)
    {
        float* x = (float*)NativeMemory.AlignedAlloc((nuint)count * sizeof(float), 64);
        uint state = seed * 2654435761;
        for (int i = 0; i < count; i++)
        {
            state = (state * 1664525) + 1013904223;
            x[i] = ((state >> 8) * (1f / (1 << 23))) - 1;
        }

        return x;
    }
}
