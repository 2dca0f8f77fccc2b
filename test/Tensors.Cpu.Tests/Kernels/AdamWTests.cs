using Lorikeet.Testing;

namespace Lorikeet.Tensors.Cpu.Tests.Kernels;

public sealed class AdamWTests
{
    [Theory]
    [ClassData(typeof(DeviceNames))]
    public void Steps_match_the_reference(string device) => KernelTest.MatchesReference(device, 1e-6, 1e-8, t => KernelTest.Lengths.SelectMany(n =>
    {
        var shape = new Shape(n);
        Tensor param = t.Normal(shape, 1), m = t.Scope.Zeros(shape), v = t.Scope.Zeros(shape), norm = t.From([2.5f], new Shape(1));
        for (int step = 1; step <= 5; step++)
        {
            Tensor grad = t.Normal(shape, 10 + (ulong)step, 0.1f);
            t.Kernels.AdamW(new AdamWArgs(param, grad, m, v, step % 2 == 0 ? norm : null, new AdamWStep(1e-3, 0.9, 0.999, 1e-8, 0.01, 1.0, step)));
        }

        return new[] { param, m, v };
    }).ToArray());

    [Fact]
    public void The_first_step_moves_by_the_learning_rate_after_decay()
    {
        using var t = new TestScope("cpu");
        Tensor param = t.From([2f, -2f], new Shape(2)), grad = t.From([0.3f, -7f], new Shape(2)), m = t.Scope.Zeros(new Shape(2)), v = t.Scope.Zeros(new Shape(2));
        t.Kernels.AdamW(new AdamWArgs(param, grad, m, v, null, new AdamWStep(0.1, 0.9, 0.999, 1e-8, 0.5, 1.0, 1)));
        TensorAssert.Close(param.ToHost<float>(), [(2f * 0.95f) - 0.1f, (-2f * 0.95f) + 0.1f], 1e-6, 0);
    }

    [Theory]
    [InlineData(0.5f, 1f)]
    [InlineData(4f, 0.25f)]
    public void Gradients_above_the_norm_are_scaled_down(float norm, float scale)
    {
        using var t = new TestScope("cpu");
        Tensor param = t.From([1f], new Shape(1)), grad = t.From([2f], new Shape(1)), m = t.Scope.Zeros(new Shape(1)), v = t.Scope.Zeros(new Shape(1));
        t.Kernels.AdamW(new AdamWArgs(param, grad, m, v, t.From([norm], new Shape(1)), new AdamWStep(1e-3, 0.9, 0.999, 1e-8, 0, 1.0, 1)));
        Assert.Equal(0.1f * 2f * scale, m.ToHost<float>()[0], 1e-6f);
    }

    [Fact]
    public void A_learning_rate_of_zero_changes_moments_only()
    {
        using var t = new TestScope("cpu");
        var shape = new Shape(100);
        Tensor param = t.Normal(shape, 1), before = t.Normal(shape, 1), m = t.Scope.Zeros(shape), v = t.Scope.Zeros(shape);
        t.Kernels.AdamW(new AdamWArgs(param, t.Normal(shape, 2), m, v, null, new AdamWStep(0, 0.9, 0.999, 1e-8, 0.1, 1.0, 1)));
        TensorAssert.SameBits(param, before);
        Assert.All(v.ToHost<float>(), x => Assert.True(x > 0));
    }

    [Fact]
    public void Threads_do_not_change_a_bit() => KernelTest.ThreadsDoNotMatter(t =>
    {
        var shape = new Shape(50_001);
        Tensor param = t.Normal(shape, 1), m = t.Normal(shape, 2), v = t.Uniform(shape, 3, 0f, 1f);
        t.Kernels.AdamW(new AdamWArgs(param, t.Normal(shape, 4), m, v, null, new AdamWStep(1e-3, 0.9, 0.999, 1e-8, 0.1, 1.0, 3)));
        return [param, m, v];
    });
}
