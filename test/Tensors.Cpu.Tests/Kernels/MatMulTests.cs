using Lorikeet.Testing;

namespace Lorikeet.Tensors.Cpu.Tests.Kernels;

/// <summary>How tensors become operands of the GEMM engine, which has tests of its own.</summary>
public sealed class MatMulTests
{
    private static readonly (int M, int N, int K)[] Sizes = [(0, 4, 3), (3, 4, 0), (1, 1, 1), (1, 70, 33), (5, 17, 16), (37, 40, 72), (20, 33, 588)];

    public static IEnumerable<object[]> Cases =>
        from device in DeviceNames.All from type in (DType[])[DType.F32, DType.BF16, DType.F16] from compute in (Compute[])[Compute.F32, Compute.BF16]
        select (object[])[device, type, compute];

    [Theory]
    [MemberData(nameof(Cases))]
    public void Products_match_the_reference(string device, DType type, Compute compute) => KernelTest.MatchesReference(device, 1e-5, 5e-5, t => Sizes.SelectMany(s =>
        from transposeA in (bool[])[false, true]
        from transposeB in (bool[])[false, true]
        from accumulate in (bool[])[false, true]
        select Product(t, s, (transposeA, transposeB, accumulate), type, compute)).ToArray());

    private static Tensor Product(TestScope t, (int M, int N, int K) s, (bool A, bool B, bool Accumulate) how, DType type, Compute compute)
    {
        Tensor a = t.Normal(how.A ? new Shape(s.K, s.M) : new Shape(s.M, s.K), 1), b = t.Normal(how.B ? new Shape(s.N, s.K) : new Shape(s.K, s.N), 2, dtype: type);
        Tensor c = t.Normal(new Shape(s.M, s.N), 3);
        Tensor? bias = how.Accumulate ? null : t.Normal(new Shape(s.N), 4, dtype: type);
        t.Kernels.MatMul(new MatMulArgs(a, how.A, b, how.B, c, 0.5f, how.Accumulate, bias, compute));
        return c;
    }
}
