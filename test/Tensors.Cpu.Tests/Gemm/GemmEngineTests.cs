namespace Lorikeet.Tensors.Cpu.Tests;

public class GemmEngineTests
{
    public static TheoryData<GemmPath> Paths
    {
        get
        {
            var data = new TheoryData<GemmPath>();
            foreach (GemmPath path in Enum.GetValues<GemmPath>().Where(p => p != GemmPath.Auto && KernelSet.IsSupported(p)))
            {
                data.Add(path);
            }

            return data;
        }
    }

    private static readonly DType[] Types = [DType.F32, DType.BF16, DType.F16];

    private static readonly (int M, int N, int K)[] OddShapes =
    [
        (1, 1, 1), (1, 7, 3), (2, 3, 5), (3, 33, 17), (12, 32, 16), (13, 33, 33), (11, 31, 31), (5, 72, 72), (17, 1, 40), (1, 100, 588),
        (40, 16, 72), (25, 65, 130), (64, 8, 100), (7, 47, 600), (24, 64, 520), (9, 20, 1),
    ];

    [Theory]
    [MemberData(nameof(Paths))]
    public void EveryTransposeTypeAndModeMatchesDoublePrecision(GemmPath path)
    {
        using var pool = new WorkPool(2);
        using var engine = new GemmEngine(pool, path);
        int seed = 0;
        foreach ((int m, int n, int k) in OddShapes)
        {
            foreach (DType a in Types)
            {
                foreach (DType b in Types)
                {
                    for (int flags = 0; flags < 8; flags++)
                    {
                        var shape = new GemmShape(m, n, k)
                        {
                            AType = a,
                            BType = b,
                            TransA = (flags & 1) != 0,
                            TransB = (flags & 2) != 0,
                            Bf16 = (flags & 4) != 0,
                            Accumulate = seed % 3 == 0,
                            Bias = seed % 5 < 2,
                            BiasType = Types[seed % 3],
                            Alpha = seed % 4 == 0 ? 0.75f : 1,
                            ExtraStride = seed % 7 == 0 ? 5 : 0,
                        };
                        Check(engine, shape, seed, atEnd: seed % 2 == 0);
                        seed++;
                    }
                }
            }
        }
    }

    [Theory]
    [MemberData(nameof(Paths))]
    public void LargerProductsThatBlockAndSplitMatch(GemmPath path)
    {
        using var pool = new WorkPool(2);
        using var engine = new GemmEngine(pool, path);
        (int, int, int)[] shapes = [(130, 300, 530), (100, 600, 1100), (300, 33, 588)];
        foreach ((int m, int n, int k) in shapes)
        {
            for (int flags = 0; flags < 8; flags++)
            {
                var shape = new GemmShape(m, n, k) { TransA = (flags & 1) != 0, TransB = (flags & 2) != 0, Bf16 = (flags & 4) != 0, BType = DType.BF16, Bias = true };
                Check(engine, shape, flags, atEnd: (flags & 1) == 0);
            }
        }
    }

    [Theory]
    [MemberData(nameof(Paths))]
    public void ThreadCountDoesNotChangeABit(GemmPath path)
    {
        foreach (bool bf16 in new[] { false, true })
        {
            foreach ((int m, int n, int k) in new[] { (200, 300, 700), (1, 3000, 577), (6, 2000, 300), (500, 16, 400), (16, 500, 900) })
            {
                foreach (bool accumulate in new[] { false, true })
                {
                    using var problem = new GemmProblem(new GemmShape(m, n, k) { TransB = true, Bf16 = bf16, BType = DType.BF16, Accumulate = accumulate, Bias = true }, 3, false);
                    float[]? first = null;
                    foreach (int threads in new[] { 1, 2, 3, 7 })
                    {
                        using var pool = new WorkPool(threads);
                        using var engine = new GemmEngine(pool, path);
                        problem.ResetC();
                        engine.Run(problem.Args);
                        first ??= problem.C;
                        Assert.True(first.AsSpan().SequenceEqual(problem.C), $"{threads} threads differ from 1 for {m}x{n}x{k}, bf16 {bf16}");
                    }
                }
            }
        }
    }

    [Theory]
    [MemberData(nameof(Paths))]
    public void ZeroSizesAndZeroAlpha(GemmPath path)
    {
        using var pool = new WorkPool(1);
        using var engine = new GemmEngine(pool, path);
        Check(engine, new GemmShape(0, 5, 5), 1, true);
        Check(engine, new GemmShape(5, 0, 5), 1, true);
        Check(engine, new GemmShape(5, 5, 0), 1, true);
        Check(engine, new GemmShape(5, 5, 0) { Accumulate = true, Bias = true }, 1, true);
        Check(engine, new GemmShape(5, 5, 7) { Alpha = 0, Bias = true }, 1, true);
    }

    [Fact]
    public void BadSizesAndStridesAreNamed()
    {
        using var pool = new WorkPool(1);
        using var engine = new GemmEngine(pool);
        Assert.Contains("M -1", Assert.Throws<ArgumentException>(() => engine.Run(new GemmArgs { M = -1 })).Message, StringComparison.Ordinal);
        Assert.Contains("Lda is 3", Assert.Throws<ArgumentException>(() => engine.Run(new GemmArgs { M = 4, N = 4, K = 4, Lda = 3, Ldb = 4, Ldc = 4 })).Message, StringComparison.Ordinal);
        Assert.Contains("type I32", Assert.Throws<ArgumentException>(() => engine.Run(new GemmArgs { BType = DType.I32 })).Message, StringComparison.Ordinal);
        Assert.Contains("null", Assert.Throws<ArgumentException>(() => engine.Run(new GemmArgs { M = 4, N = 4, K = 4, Lda = 4, Ldb = 4, Ldc = 4 })).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void WorkspaceIsAccountedAndTrimmed()
    {
        using var pool = new WorkPool(2);
        using var engine = new GemmEngine(pool);
        Check(engine, new GemmShape(100, 100, 100), 1, true);
        Assert.InRange(engine.WorkspaceBytes, 1, 32 << 20);
        engine.Trim();
        Assert.Equal(0, engine.WorkspaceBytes);
    }

    private static void Check(GemmEngine engine, GemmShape shape, int seed, bool atEnd)
    {
        using var problem = new GemmProblem(shape, seed, atEnd);
        engine.Run(problem.Args);
        problem.AssertC(engine.Path.ToString());
    }
}
