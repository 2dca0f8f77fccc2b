using Lorikeet.Testing;

namespace Lorikeet.Tensors.Cuda.Tests;

/// <summary>Gradients of attention on tensor cores against the reference's.</summary>
public sealed class FlashBackwardTests
{
    [Theory]
    [InlineData(8)]
    [InlineData(16)]
    [InlineData(40)]
    [InlineData(64)]
    [InlineData(72)]
    [InlineData(80)]
    [InlineData(96)]
    [InlineData(112)]
    [InlineData(128)]
    public void Every_width_of_head(int D)
    {
        (FlashProblem.One(37, 90, 2, 1, D, causal: true) with { Backward = true }).Check();
        (FlashProblem.One(33, 33, 1, 1, D, causal: false) with { Backward = true }).Check();
    }
}
