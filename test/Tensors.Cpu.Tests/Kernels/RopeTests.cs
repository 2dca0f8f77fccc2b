using Lorikeet.Testing;

namespace Lorikeet.Tensors.Cpu.Tests.Kernels;

public sealed class RopeTests
{
    private static readonly (int N, int H, int D)[] Shapes = [(0, 2, 8), (1, 1, 2), (3, 2, 8), (5, 3, 32), (2, 9, 64), (4, 2, 72), (3, 5, 80), (70, 9, 64), (2, 3, 128)];

    public static IEnumerable<object[]> Cases =>
        from device in DeviceNames.All from pairing in Enum.GetValues<RopePairing>() select (object[])[device, pairing];

    [Theory]
    [MemberData(nameof(Cases))]
    public void Rotation_matches_the_reference(string device, RopePairing pairing) => KernelTest.MatchesReference(device, 2e-7, 4e-7, t => Shapes.SelectMany(s =>
    {
        var shape = new Shape(s.N, s.H, s.D);
        (Tensor cos, Tensor sin) = Angles(t, s.N, s.D);
        Tensor x = t.Normal(shape, 1), y = t.Scope.New(shape), back = t.Scope.New(shape), inPlace = t.Normal(shape, 1);
        t.Kernels.Rope(pairing, x, cos, sin, y, inverse: false);
        t.Kernels.Rope(pairing, x, cos, sin, back, inverse: true);
        t.Kernels.Rope(pairing, inPlace, cos, sin, inPlace, inverse: false);
        return new[] { y, back, inPlace };
    }).ToArray());

    [Theory]
    [MemberData(nameof(Cases))]
    public void The_inverse_undoes_the_rotation(string device, RopePairing pairing)
    {
        using var t = new TestScope(device);
        var shape = new Shape(7, 3, 72);
        (Tensor cos, Tensor sin) = Angles(t, 7, 72);
        Tensor x = t.Normal(shape, 1), y = t.Scope.New(shape);
        t.Kernels.Rope(pairing, x, cos, sin, y, inverse: false);
        t.Kernels.Rope(pairing, y, cos, sin, y, inverse: true);
        TensorAssert.Close(y, x, 1e-6, 1e-6);
    }

    private static (Tensor Cos, Tensor Sin) Angles(TestScope t, int N, int D)
    {
        float[] angles = new float[N * D / 2];
        Rng.FillUniform(angles, -10f, 10f, 9);
        var shape = new Shape(N, D / 2);
        return (t.From(Array.ConvertAll(angles, MathF.Cos), shape), t.From(Array.ConvertAll(angles, MathF.Sin), shape));
    }
}
