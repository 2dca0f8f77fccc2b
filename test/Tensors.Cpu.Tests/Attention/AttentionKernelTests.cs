using Lorikeet.Tensors.Cpu.Tests.Kernels;
using Lorikeet.Testing;

namespace Lorikeet.Tensors.Cpu.Tests;

/// <summary>Attention through the device contract, on every device, against the reference kernels.</summary>
public sealed class AttentionKernelTests
{
    public static IEnumerable<object[]> Devices => DeviceNames.All.Select(name => (object[])[name]);

    [Theory]
    [MemberData(nameof(Devices))]
    public void Forward_and_backward_match_the_reference(string device) => Match(device, null);

    [Theory]
    [MemberData(nameof(Devices))]
    public void With_a_window_too(string device) => Match(device, 9);

    private static void Match(string device, int? window) => KernelTest.MatchesReference(device, 2e-5, 2e-5, t =>
    {
        const int T = 45, S = 80, H = 6, K = 2, D = 40;
        var segments = new AttentionSegments([new(1, 20, 0, 33), new(21, 24, 40, 40)], causal: true, window);
        Tensor q = t.Normal(new Shape(T, H, D), 1), k = t.Normal(new Shape(S, K, D), 2), v = t.Normal(new Shape(S, K, D), 3);
        Tensor y = t.Scope.New(q.Shape), lse = t.Scope.New(new Shape(T, H));
        Tensor dQ = t.Scope.New(q.Shape), dK = t.Scope.New(k.Shape), dV = t.Scope.New(k.Shape);
        var args = new AttentionArgs(q, k, v, y, lse, segments, 0.2f, null, Compute.F32);
        t.Kernels.Attention(args);
        t.Kernels.AttentionBackward(args, new AttentionGrad(t.Normal(q.Shape, 4), dQ, dK, dV));
        return [y, dQ, dK, dV];
    });
}
