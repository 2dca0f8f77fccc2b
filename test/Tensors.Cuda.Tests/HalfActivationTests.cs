using Lorikeet.Tensors.Ops;
using Lorikeet.Tensors.Storage;
using Lorikeet.Testing;

namespace Lorikeet.Tensors.Cuda.Tests;

/// <summary>
/// Kernels over bfloat16 activations against the scalar reference over the same bfloat16 values: what differs is one rounding of
/// the result, at most one unit in its last place.
/// </summary>
public sealed class HalfActivationTests
{
    private const double Ulp = 1.0 / 128;
    private static readonly (int N, int C)[] Matrices = [(1, 1), (3, 15), (5, 64), (4, 576), (33, 65), (300, 132)];

    [Fact]
    public void Element_wise_kernels() => Matches(Ulp, t => Matrices.SelectMany(m =>
    {
        var shape = new Shape(m.N, m.C);
        Tensor a = Half(t, shape, 1), b = Half(t, shape, 2), rows = t.Normal(new Shape(m.N), 3), columns = t.Normal(new Shape(m.C), 4);
        Tensor sum = New(t, shape), scaled = Half(t, shape, 5), byRow = New(t, shape), byColumn = Half(t, shape, 6), part = New(t, shape), filled = New(t, shape);
        t.Kernels.Add(a, b, sum);
        t.Kernels.AddScaled(a, 0.3f, scaled);
        t.Kernels.ScaleRows(a, rows, byRow, accumulate: false);
        t.Kernels.ScaleColumns(a, columns, byColumn, accumulate: true);
        t.Kernels.Fill(part, 0.5f);
        t.Kernels.CopyColumns(a, m.C / 3, part, m.C / 4, m.C / 2, accumulate: true);
        t.Kernels.Fill(filled, -1.25f);
        return new[] { sum, scaled, byRow, byColumn, part, filled };
    }).ToArray(), absolute: 1e-2);

    [Fact]
    public void Activations_and_gates() => Matches(Ulp, t => Enum.GetValues<ActivationKind>().SelectMany(kind =>
    {
        var shape = new Shape(3, 44);
        Tensor x = Half(t, shape, 1), up = Half(t, shape, 2), dY = Half(t, shape, 3), y = New(t, shape), dX = New(t, shape), gated = New(t, shape), dGate = New(t, shape), dUp = New(t, shape);
        t.Kernels.Activation(kind, x, y);
        t.Kernels.ActivationBackward(kind, x, dY, dX, accumulate: false);
        t.Kernels.Gated(kind, x, up, gated);
        t.Kernels.GatedBackward(kind, x, up, dY, dGate, dUp);
        return new[] { y, dX, gated, dGate, dUp };
    }).ToArray(), absolute: 1e-6);

    [Theory]
    [InlineData(DType.F32)]
    [InlineData(DType.BF16)]
    public void Norms(DType weights) => Matches(Ulp, t => Matrices.Where(m => m.C > 1).SelectMany(m =>
    {
        var shape = new Shape(m.N, m.C);
        Tensor x = Half(t, shape, 1), w = t.Normal(new Shape(m.C), 2, dtype: weights), b = t.Normal(new Shape(m.C), 3, dtype: weights), dY = Half(t, shape, 4);
        Tensor y = New(t, shape), z = New(t, shape), dX = New(t, shape), dZ = New(t, shape);
        Tensor rms = Single(t, m.N), mean = Single(t, m.N), rstd = Single(t, m.N), dW = t.Normal(new Shape(m.C), 5), dB = t.Normal(new Shape(m.C), 6);
        t.Kernels.RmsNorm(x, w, 1e-5f, y, rms);
        t.Kernels.RmsNormBackward(new NormGrad(x, w, null, rms, dY, dX, false, null, null));
        t.Kernels.LayerNorm(x, w, b, 1e-5f, z, mean, rstd);
        t.Kernels.LayerNormBackward(new NormGrad(x, w, mean, rstd, dY, dZ, false, dW, dB));
        return new[] { y, dX, z, dZ, rms, mean, rstd, dW, dB };
    }).ToArray(), absolute: 2e-3);

    [Theory]
    [InlineData(1, true)]
    [InlineData(7, true)]
    [InlineData(33, true)]
    [InlineData(33, false)]
    public void Products(int M, bool transposeB) => Matches(Ulp, t =>
    {
        const int N = 40, K = 72;
        var results = new List<Tensor>();
        foreach (DType weights in (DType[])[DType.F32, DType.BF16, DType.F16])
        {
            Tensor a = Half(t, new Shape(M, K), 1), b = t.Normal(transposeB ? new Shape(N, K) : new Shape(K, N), 2, dtype: weights), bias = t.Normal(new Shape(N), 3, dtype: weights);
            Tensor c = New(t, new Shape(M, N)), added = Half(t, new Shape(M, N), 4), single = t.Normal(new Shape(M, N), 5);
            t.Kernels.MatMul(new MatMulArgs(a, false, b, transposeB, c, 1f, false, null, Compute.BF16));
            t.Kernels.MatMul(new MatMulArgs(a, false, b, transposeB, added, 0.5f, true, bias, Compute.BF16));
            t.Kernels.MatMul(new MatMulArgs(a, false, b, transposeB, single, 0.5f, true, null, Compute.BF16));
            results.AddRange([c, added, single]);
        }

        return [.. results];
    }, absolute: 2e-2);

    [Fact]
    public void Rows_rotations_dropout_sums_and_losses() => Matches(Ulp, t =>
    {
        const int N = 9, C = 24;
        var shape = new Shape(N, C);
        Tensor x = Half(t, shape, 1), ids = t.Scope.From([4, 0, 4, 8]), gathered = New(t, new Shape(4, C)), table = t.Normal(shape, 2), half = Half(t, shape, 3);
        t.Kernels.GatherRows(x, ids, gathered);
        t.Kernels.ScatterAddRows(gathered, ids, table);
        t.Kernels.ScatterRows(gathered.Slice(1, 2), t.Scope.From([3, 5]), half);
        Tensor cos = t.Uniform(new Shape(N, 4), 4, -1, 1), sin = t.Uniform(new Shape(N, 4), 5, -1, 1), turned = New(t, new Shape(N, 3, 8));
        t.Kernels.Rope(RopePairing.HalfSplit, x.View(turned.Shape), cos, sin, turned, inverse: false);
        Tensor keys = t.Scope.From<long>([.. Enumerable.Range(0, N).Select(i => i * 77L)], new Shape(N), DType.I64), dropped = New(t, shape);
        t.Kernels.Dropout(x, keys, 5, 0.3f, dropped, accumulate: false);
        Tensor sums = t.Normal(new Shape(C), 6), total = Single(t, 1);
        t.Kernels.SumRows(x, half, sums, accumulate: true);
        t.Kernels.Sum(x, half, total, accumulate: false);
        Tensor logits = t.Normal(shape, 7, 3f), loss = Single(t, N), dLogits = New(t, shape);
        t.Kernels.CrossEntropy(logits, t.Ints(N, C, 8), loss, dLogits);
        return [gathered, table, half, turned, dropped, sums, total, loss, dLogits];
    }, absolute: 1e-2);

    [Fact]
    public void A_scope_that_computes_in_bfloat16_keeps_activations_in_it()
    {
        using var t = new TestScope("cuda", record: true, compute: Compute.BF16);
        var parameters = new Parameters(t.Device, t.Arena);
        float[] values = new float[24 * 16];
        Rng.FillNormal(values, 0.2f, 1);
        Tensor w = parameters.NewTrained(new Shape(24, 16), values), pixels = t.Normal(new Shape(5, 16), 2);
        Tensor y = Linear.Forward(t.Scope, pixels, new DenseWeight(w), null);
        Assert.Equal(DType.BF16, y.DType);
        Tensor loss = Sum.Forward(t.Scope, Activation.Forward(t.Scope, ActivationKind.Silu, y));
        Assert.Equal(DType.F32, loss.DType);
        t.Scope.Backward((loss, 1f));
        Assert.Equal(DType.F32, w.Grad!.DType);
        TensorAssert.Close(w.Grad, Expected(values), 2e-2, 5e-2, "gradient of the weight");
    }

    private static Tensor Expected(float[] values)
    {
        var t = new TestScope("cpu", record: true);
        Tensor w = new Parameters(t.Device, t.Arena).NewTrained(new Shape(24, 16), values);
        Tensor y = Linear.Forward(t.Scope, t.Normal(new Shape(5, 16), 2), new DenseWeight(w), null);
        t.Scope.Backward((Sum.Forward(t.Scope, Activation.Forward(t.Scope, ActivationKind.Silu, y)), 1f));
        return w.Grad!;
    }

    private static void Matches(double relative, Func<TestScope, Tensor[]> run, double absolute)
    {
        using var expected = new TestScope("reference");
        using var actual = new TestScope("cuda");
        Tensor[] e = run(expected), a = run(actual);
        for (int i = 0; i < e.Length; i++)
        {
            TensorAssert.Close(a[i], e[i], relative, absolute, $"result {i} {e[i]}");
        }
    }

    private static Tensor Half(TestScope t, Shape shape, ulong key) => t.Normal(shape, key, dtype: DType.BF16);

    private static Tensor New(TestScope t, Shape shape) => t.Scope.New(shape, DType.BF16);

    private static Tensor Single(TestScope t, int n) => t.Scope.New(new Shape(n), DType.F32);
}
