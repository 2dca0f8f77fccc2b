namespace Lorikeet.Tensors.Cpu.Tests;

public class Bf16DotKernelTests
{
    /// <summary>Expected bytes are those of the GNU assembler.</summary>
    [Fact]
    public void InstructionsAreEncodedAsByAnAssembler()
    {
        AssertCode("62 02 3e 40 52 dd".Split(' '), e => e.DotBf16(27, 24, 29));
        AssertCode("62 f2 2e 48 52 cc".Split(' '), e => e.DotBf16(1, 10, 4));
        AssertCode("62 61 7c 48 10 46 01".Split(' '), e => e.Load(24, 6, 64));
        AssertCode("62 f1 7c 48 10 0f".Split(' '), e => e.Load(1, 7, 0), shortDisplacement: true);
        AssertCode("62 62 7d 48 18 5f 0b".Split(' '), e => e.Broadcast(27, 7, 44));
        AssertCode("62 62 7d 48 18 f8".Split(' '), e => e.BroadcastRegister(31, 0));
        AssertCode("62 a1 45 40 ef ff".Split(' '), e => e.Zero(23));
        AssertCode("62 81 44 40 59 ff".Split(' '), e => e.Multiply(23, 23, 31));
        AssertCode("62 e2 05 40 a8 7a 01".Split(' '), e => e.MultiplyAddMemory(23, 31, 2, 64));
        AssertCode("62 e1 7c 48 11 7a 01".Split(' '), e => e.Store(23, 2, 64));
        AssertCode("49 89 d2".Split(' '), e => e.Move(10, 2));
        AssertCode("49 01 ca".Split(' '), e => e.AddRegister(10, 1));
        AssertCode("41 0f 18 4a 40".Split(' '), e => e.Prefetch(10, 64));
        AssertCode("48 81 c7 30 00 00 00".Split(' '), e => e.Add(7, 48));
        AssertCode("49 ff c8 0f 85 f7 ff ff ff".Split(' '), e => e.DecrementAndJumpIfNotZero(8, 0));
    }

    [Fact]
    public void AnUnusableKernelSaysWhyAndAUsableOneDoesNot()
    {
        using var pool = new WorkPool(1);
        using var best = new GemmEngine(pool);
        Assert.Equal(best.Path == GemmPath.Avx512Bf16, best.Bf16Fallback == null);
        using var portable = new GemmEngine(pool, GemmPath.Portable);
        Assert.NotNull(portable.Bf16Fallback);
        if (Bf16DotKernel.Unavailable != null)
        {
            var thrown = Assert.Throws<PlatformNotSupportedException>(() => new GemmEngine(pool, GemmPath.Avx512Bf16));
            Assert.Contains(Bf16DotKernel.Unavailable, thrown.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void ProbesGivePlausibleFigures()
    {
        using var pool = new WorkPool(2);
        foreach (GemmPath path in new[] { GemmPath.Auto, GemmPath.Portable })
        {
            using var engine = new GemmEngine(pool, path);
            Assert.InRange(PeakProbe.ComputeGflops(engine, bf16: false, bursts: 2), 0.1, 1e6);
            Assert.InRange(PeakProbe.ComputeGflops(engine, bf16: true, bursts: 2), 0.1, 1e6);
        }

        Assert.InRange(PeakProbe.ReadGigabytesPerSecond(pool, 8 << 20, 1), 0.01, 1e5);
    }

    private static void AssertCode(string[] expected, Action<EvexEmitter> emit, bool shortDisplacement = false)
    {
        var emitter = new EvexEmitter();
        emit(emitter);
        string[] actual = [.. emitter.ToArray().Select(b => b.ToString("x2", null))];
        if (shortDisplacement)
        {
            // We always write a displacement; an assembler leaves out a zero one.
            expected = [.. expected[..^1], "4f", "00"];
        }

        Assert.Equal(expected, actual);
    }
}
