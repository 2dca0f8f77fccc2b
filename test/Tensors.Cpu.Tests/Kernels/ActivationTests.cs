using System.Runtime.Intrinsics.Arm;
using System.Runtime.Intrinsics.X86;
using Lorikeet.Testing;

namespace Lorikeet.Tensors.Cpu.Tests.Kernels;

public sealed class ActivationTests
{
    public static IEnumerable<object[]> Cases =>
        from device in DeviceNames.All from kind in Enum.GetValues<ActivationKind>() select (object[])[device, kind];

    [Theory]
    [MemberData(nameof(Cases))]
    public void Values_and_slopes_match_the_reference(string device, ActivationKind kind) => KernelTest.MatchesReference(device, 5e-7, 1e-6, t => KernelTest.Lengths.SelectMany(n =>
    {
        var shape = new Shape(n);
        Tensor x = t.Normal(shape, 1, 3f), dY = t.Normal(shape, 2), y = t.Scope.New(shape), dX = t.Scope.New(shape), added = t.Normal(shape, 3);
        t.Kernels.Activation(kind, x, y);
        t.Kernels.ActivationBackward(kind, x, dY, dX, accumulate: false);
        t.Kernels.ActivationBackward(kind, x, dY, added, accumulate: true);
        return new[] { y, dX, added };
    }).ToArray());

    [Theory]
    [MemberData(nameof(Cases))]
    public void Gates_match_the_reference(string device, ActivationKind kind) => KernelTest.MatchesReference(device, 6e-7, 3e-6, t => KernelTest.Lengths.SelectMany(n =>
    {
        var shape = new Shape(n);
        Tensor gate = t.Normal(shape, 1, 3f), up = t.Normal(shape, 2), dY = t.Normal(shape, 3);
        Tensor y = t.Scope.New(shape), dGate = t.Scope.New(shape), dUp = t.Scope.New(shape);
        t.Kernels.Gated(kind, gate, up, y);
        t.Kernels.GatedBackward(kind, gate, up, dY, dGate, dUp);
        return new[] { y, dGate, dUp };
    }).ToArray());

    [Theory]
    [MemberData(nameof(Cases))]
    public void Values_are_accurate_over_the_whole_range(string device, ActivationKind kind) => KernelTest.MatchesReference(device, Relative(kind), 1e-37, t =>
    {
        // Down to where results leave the normal numbers: relative accuracy holds in the tails too.
        float low = kind switch { ActivationKind.GeluErf => -12f, ActivationKind.GeluTanh => -3.5f, ActivationKind.QuickGelu => -10f, _ => -15f };
        Tensor x = t.Uniform(new Shape(20000), 1, low, 40f), y = t.Scope.New(x.Shape);
        t.Kernels.Activation(kind, x, y);
        return [y];
    });

    /// <summary>
    /// In the tails, f32 rounding of the exponential's argument (up to 72 here) is magnified by the exponential; the error
    /// function puts it back, but only where the processor has fused multiply-add.
    /// </summary>
    private static double Relative(ActivationKind kind) => kind switch
    {
        ActivationKind.GeluTanh or ActivationKind.QuickGelu => 2e-6,
        ActivationKind.GeluErf => Fma.IsSupported || AdvSimd.IsSupported ? 4e-7 : 1e-5,
        _ => 4e-7,
    };

    [Theory]
    [MemberData(nameof(Cases))]
    public void Extreme_inputs_neither_overflow_nor_hide_a_nan(string device, ActivationKind kind)
    {
        using var t = new TestScope(device);
        float[] values = [1e4f, -1e4f, 88f, -88f, 3e18f, -3e18f, 0f, float.PositiveInfinity, float.NaN];
        Tensor x = t.From(values, new Shape(values.Length)), y = t.Scope.New(x.Shape), dX = t.Scope.New(x.Shape), ones = t.Scope.New(x.Shape);
        t.Kernels.Fill(ones, 1f);
        t.Kernels.Activation(kind, x, y);
        t.Kernels.ActivationBackward(kind, x, ones, dX, accumulate: false);
        float[] results = y.ToHost<float>(), slopes = dX.ToHost<float>();
        bool bounded = kind == ActivationKind.Tanh;
        float[] expected = bounded ? [1f, -1f, 1f, -1f, 1f, -1f, 0f, 1f, float.NaN] : [1e4f, 0f, 88f, 0f, 3e18f, 0f, 0f, float.PositiveInfinity, float.NaN];
        TensorAssert.Close(results, expected, 1e-6, 1e-30);
        TensorAssert.Close(slopes.AsSpan(0, 6), bounded ? new float[6] : [1f, 0f, 1f, 0f, 1f, 0f], 1e-6, 1e-30);
    }

    [Fact]
    public void Threads_do_not_change_a_bit() => KernelTest.ThreadsDoNotMatter(t =>
    {
        var shape = new Shape(70000);
        Tensor gate = t.Normal(shape, 1), up = t.Normal(shape, 2), dY = t.Normal(shape, 3), y = t.Scope.New(shape), dGate = t.Scope.New(shape), dUp = t.Scope.New(shape);
        t.Kernels.Gated(ActivationKind.Silu, gate, up, y);
        t.Kernels.GatedBackward(ActivationKind.GeluErf, gate, up, dY, dGate, dUp);
        return [y, dGate, dUp];
    });
}
