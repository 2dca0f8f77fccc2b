using Lorikeet.Testing;

namespace Lorikeet.Tensors.Cpu.Tests.Kernels;

/// <summary>Kernels write their result and nothing beside it, whatever the width.</summary>
public sealed class BoundsTests
{
    private const float Sentinel = 0.7654321f;
    private const int Margin = 4;

    public static IEnumerable<object[]> Widths => Enumerable.Range(1, 34).Append(72).Append(588).Select(c => new object[] { c });

    [Theory]
    [MemberData(nameof(Widths))]
    public void Nothing_beside_the_result_is_written(int C)
    {
        using var t = new TestScope("cpu");
        const int N = 3;
        var shape = new Shape(N, C);
        IKernels k = t.Kernels;
        Tensor x = t.Normal(shape, 1), z = t.Normal(shape, 2), row = t.Normal(new Shape(C), 3), column = t.Uniform(new Shape(N), 4, 0.5f, 1f);
        Tensor keys = t.Scope.From<long>([1, 2, 3], new Shape(N), DType.I64), ids = t.Scope.From([2, 0, 1]), labels = t.Scope.From([0, 0, C - 1]);
        Check(t, shape, y => k.Fill(y, 1f));
        Check(t, shape, y => k.Copy(x, y));
        Check(t, shape, y => k.Add(x, z, y));
        Check(t, shape, y => k.Scale(x, 2f, y, true));
        Check(t, shape, y => k.ScaleRows(x, column, y, false));
        Check(t, shape, y => k.ScaleColumns(x, row, y, false));
        Check(t, new Shape(C), y => k.SumRows(x, z, y, false));
        Check(t, shape, y => k.Activation(ActivationKind.Silu, x, y));
        Check(t, shape, y => k.ActivationBackward(ActivationKind.GeluErf, x, z, y, true));
        Check(t, shape, y => k.Gated(ActivationKind.GeluTanh, x, z, y));
        Check(t, shape, y => k.Dropout(x, keys, 1, 0.5f, y, false));
        Check(t, shape, y => k.RmsNorm(x, row, 1e-5f, y, null));
        Check(t, shape, y => k.LayerNorm(x, row, row, 1e-5f, y, null, null));
        Check(t, shape, y => k.RmsNormBackward(new NormGrad(x, row, null, column, z, y, true, null, null)));
        Check(t, new Shape(C), y => k.LayerNormBackward(new NormGrad(x, row, column, column, z, null, false, y, null)));
        Check(t, shape, y => k.GatherRows(x, ids, y));
        Check(t, shape, y => k.ScatterRows(x, ids, y));
        Check(t, shape, y => k.ScatterAddRows(x, ids, y));
        Check(t, shape, y => k.CopyColumns(x, 0, y, 0, C, true));
        Check(t, shape, y => k.CrossEntropy(x, labels, t.Scope.New(new Shape(N)), y));
        if (C % 2 == 0)
        {
            Tensor angles = t.Normal(new Shape(N, C / 2), 5);
            Check(t, new Shape(N, 1, C), y => k.Rope(RopePairing.HalfSplit, x.View(y.Shape), angles, angles, y, false));
            Check(t, new Shape(N, 1, C), y => k.Rope(RopePairing.Interleaved, x.View(y.Shape), angles, angles, y, true));
        }
    }

    private static void Check(TestScope t, Shape shape, Action<Tensor> kernel)
    {
        int n = (int)shape.Count;
        Tensor block = t.Scope.New(new Shape(n + (2 * Margin)));
        t.Kernels.Fill(block, Sentinel);
        kernel(block.Slice(Margin, n).View(shape));
        float[] values = block.ToHost<float>();
        Assert.All(values[..Margin].Concat(values[^Margin..]), v => Assert.Equal(Sentinel, v));
        Assert.DoesNotContain(Sentinel, values[Margin..^Margin]);
    }
}
