namespace Lorikeet.Tensors.Cpu.Tests;

/// <summary>Nothing is read or written outside the operands, whatever the tails.</summary>
public sealed unsafe class FlashBoundsTests
{
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Operands_may_end_at_an_unreadable_page(bool atEnd)
    {
        if (!GuardedMemory.IsSupported)
        {
            Assert.Skip("needs mmap");
        }

        using var pool = new WorkPool(1);
        foreach (GemmPath path in Enum.GetValues<GemmPath>().Where(p => p != GemmPath.Auto && KernelSet.IsSupported(p)))
        {
            using var engine = new FlashAttention(pool, path);
            foreach (int D in (int[])[3, 16, 17, 24, 40, 64, 72, 80, 100, 128])
            {
                Run(engine, atEnd, 1, 37, 3, 1, D);
                Run(engine, atEnd, 29, 45, 2, 1, D);
                Run(engine, atEnd, 35, 300, 2, 2, D);
            }
        }
    }

    private static void Run(FlashAttention engine, bool atEnd, int T, int S, int H, int K, int D)
    {
        using var memory = new GuardedMemory(atEnd);
        var segments = new AttentionSegments([new(0, T, 0, S)], true);
        byte[] hidden = FlashForwardTests.Random(S, 4);
        var args = new FlashArgs
        {
            Q = memory.Copy(AttentionProblem.Normal(T * H * D, 1, 1)), K = memory.Copy(AttentionProblem.Normal(S * K * D, 2, 1)),
            V = memory.Copy(AttentionProblem.Normal(S * K * D, 3, 1)), Out = memory.Floats(T * H * D), Lse = memory.Floats(T * H),
            Queries = T, Keys = S, Heads = H, KeyHeads = K, Width = D, Scale = 0.1f,
        };
        var grad = new FlashGrad
        {
            DOut = memory.Copy(AttentionProblem.Normal(T * H * D, 4, 1)), DQ = memory.Floats(T * H * D), DK = memory.Floats(S * K * D), DV = memory.Floats(S * K * D),
        };
        foreach (bool bf16 in (bool[])[false, true])
        {
            foreach (bool masked in (bool[])[false, true])
            {
                fixed (byte* mask = hidden)
                {
                    args.KeyMask = masked ? mask : null;
                    args.Bf16 = bf16;
                    engine.Forward(args, segments);
                    engine.Backward(args, grad, segments);
                    FlashArgs inference = args;
                    inference.Lse = null;
                    engine.Forward(inference, segments);
                }
            }
        }
    }
}
