using Lorikeet.Testing;

namespace Lorikeet.Tensors.Cpu.Tests.Kernels;

public sealed class CrossEntropyTests
{
    private static readonly (int N, int V)[] Shapes = [(0, 8), (1, 1), (3, 2), (2, 15), (4, 16), (5, 17), (3, 100), (2, 1023), (2, 1025), (3, 49280)];

    [Theory]
    [ClassData(typeof(DeviceNames))]
    public void Losses_and_gradients_match_the_reference(string device) => KernelTest.MatchesReference(device, 6e-7, 2e-7, t => Shapes.SelectMany(s =>
    {
        Tensor logits = t.Normal(new Shape(s.N, s.V), 1, 4f), labels = t.Ints(s.N, s.V, 2);
        Tensor loss = t.Scope.New(new Shape(s.N)), alone = t.Scope.New(new Shape(s.N)), d = t.Scope.New(logits.Shape), inPlace = t.Normal(logits.Shape, 1, 4f);
        t.Kernels.CrossEntropy(logits, labels, alone, null);
        t.Kernels.CrossEntropy(logits, labels, loss, d);
        t.Kernels.CrossEntropy(inPlace, labels, loss, inPlace);
        return new[] { loss, alone, d, inPlace };
    }).ToArray());

    [Theory]
    [ClassData(typeof(DeviceNames))]
    public void Large_logits_and_masked_ones_are_stable_and_a_nan_shows(string device)
    {
        using var t = new TestScope(device);
        float inf = float.PositiveInfinity;
        float[] values = [1e30f, 0f, -1e30f, 80f, 81f, -inf, float.NaN, 0f, 1f];
        Tensor logits = t.From(values, new Shape(3, 3)), loss = t.Scope.New(new Shape(3)), d = t.Scope.New(logits.Shape);
        t.Kernels.CrossEntropy(logits, t.Scope.From([0, 1, 2]), loss, d);
        TensorAssert.Close(loss.ToHost<float>(), [0f, 0.31326169f, float.NaN], 1e-6, 0);
        TensorAssert.Close(d.ToHost<float>(), [0f, 0f, 0f, 0.26894143f, -0.26894143f, 0f, float.NaN, float.NaN, float.NaN], 1e-6, 0);
    }

    [Theory]
    [InlineData("cpu", -100)]
    [InlineData("fake", 10)]
    [InlineData("reference", 10)]
    public void A_label_outside_the_vocabulary_is_named(string device, int label)
    {
        using var t = new TestScope(device);
        Tensor logits = t.Normal(new Shape(3, 10), 1), loss = t.Scope.New(new Shape(3));
        var e = Assert.Throws<InvalidDataException>(() => t.Kernels.CrossEntropy(logits, t.Scope.From([1, label, 2]), loss, null));
        Assert.Contains($"label {label} of row 1 is outside the vocabulary of 10", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Threads_do_not_change_a_bit() => KernelTest.ThreadsDoNotMatter(t =>
    {
        Tensor logits = t.Normal(new Shape(40, 3001), 1), loss = t.Scope.New(new Shape(40)), d = t.Scope.New(logits.Shape);
        t.Kernels.CrossEntropy(logits, t.Ints(40, 3001, 2), loss, d);
        return [loss, d];
    });
}
