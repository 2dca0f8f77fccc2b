using Lorikeet.Tensors;

namespace Lorikeet.Bench.Kernels;

/// <summary>One kernel at one size.</summary>
/// <param name="Name">The kernel.</param>
/// <param name="Size">The size, as text.</param>
/// <param name="Bytes">Bytes that must be read and written at least.</param>
/// <param name="Run">One call.</param>
internal sealed record KernelBench(string Name, string Size, double Bytes, Action Run);

/// <summary>The kernels and the sizes at which a small vision-language model calls them.</summary>
internal static class Benches
{
    public static IEnumerable<KernelBench> All(StepScope scope)
    {
        foreach ((int n, int c) in ((int, int)[])[(300, 576), (1100, 576), (2048, 768)])
        {
            foreach (KernelBench bench in Rows(scope, n, c))
            {
                yield return bench;
            }
        }

        foreach ((int n, int c) in ((int, int)[])[(300, 1536), (2048, 3072)])
        {
            foreach (KernelBench bench in Mlp(scope, n, c))
            {
                yield return bench;
            }
        }

        foreach (KernelBench bench in Others(scope))
        {
            yield return bench;
        }
    }

    private static IEnumerable<KernelBench> Rows(StepScope scope, int n, int c)
    {
        string size = $"{n}x{c}";
        double bytes = 4.0 * n * c;
        var shape = new Shape(n, c);
        Tensor x = Random(scope, shape, 1), y = Random(scope, shape, 2), z = scope.Zeros(shape), w = Random(scope, new Shape(c), 3);
        Tensor mean = scope.Zeros(new Shape(n)), rstd = scope.Zeros(new Shape(n)), dW = scope.Zeros(new Shape(c)), dB = scope.Zeros(new Shape(c));
        IKernels k = scope.Kernels;
        yield return new("Add", size, 3 * bytes, () => k.Add(x, y, z));
        yield return new("AddScaled", size, 3 * bytes, () => k.AddScaled(x, 1e-9f, z));
        yield return new("RmsNorm", size, 2 * bytes, () => k.RmsNorm(x, w, 1e-5f, z, rstd));
        yield return new("RmsNormBackward dX", size, 3 * bytes, () => k.RmsNormBackward(new NormGrad(x, w, null, rstd, y, z, false, null, null)));
        yield return new("RmsNormBackward dX += and dW", size, 6 * bytes, () => k.RmsNormBackward(new NormGrad(x, w, null, rstd, y, z, true, dW, null)));
        yield return new("LayerNorm", size, 2 * bytes, () => k.LayerNorm(x, w, w, 1e-5f, z, mean, rstd));
        yield return new("LayerNormBackward dX", size, 3 * bytes, () => k.LayerNormBackward(new NormGrad(x, w, mean, rstd, y, z, false, null, null)));
        yield return new("LayerNormBackward all", size, 6 * bytes, () => k.LayerNormBackward(new NormGrad(x, w, mean, rstd, y, z, true, dW, dB)));
        yield return new("SumRows", size, bytes, () => k.SumRows(x, null, dW, false));
        yield return new("Sum", size, bytes, () => k.Sum(x, null, rstd.Slice(0, 1), false));
        yield return new("ScaleRows", size, 2 * bytes, () => k.ScaleRows(x, mean, z, false));
        Tensor keys = scope.From<long>(new long[n], new Shape(n), DType.I64);
        yield return new("Dropout", size, 2 * bytes, () => k.Dropout(x, keys, 1, 0.05f, z, false));
        Tensor heads = x.View(new Shape(n, c / 64, 64)), rotated = z.View(heads.Shape), cos = Random(scope, new Shape(n, 32), 4);
        yield return new("Rope half split", size, 2 * bytes, () => k.Rope(RopePairing.HalfSplit, heads, cos, cos, rotated, false));
        yield return new("Rope interleaved", size, 2 * bytes, () => k.Rope(RopePairing.Interleaved, heads, cos, cos, rotated, false));
    }

    private static IEnumerable<KernelBench> Mlp(StepScope scope, int n, int c)
    {
        string size = $"{n}x{c}";
        double bytes = 4.0 * n * c;
        var shape = new Shape(n, c);
        Tensor x = Random(scope, shape, 1), u = Random(scope, shape, 2), d = Random(scope, shape, 3), y = scope.Zeros(shape), z = scope.Zeros(shape);
        IKernels k = scope.Kernels;
        yield return new("Silu gate", size, 3 * bytes, () => k.Gated(ActivationKind.Silu, x, u, y));
        yield return new("Silu gate backward", size, 5 * bytes, () => k.GatedBackward(ActivationKind.Silu, x, u, d, y, z));
        foreach (ActivationKind kind in (ActivationKind[])[ActivationKind.GeluTanh, ActivationKind.GeluErf])
        {
            yield return new($"{kind}", size, 2 * bytes, () => k.Activation(kind, x, y));
            yield return new($"{kind} backward", size, 3 * bytes, () => k.ActivationBackward(kind, x, d, y, false));
        }
    }

    private static IEnumerable<KernelBench> Others(StepScope scope)
    {
        IKernels k = scope.Kernels;
        const int V = 49280;
        Tensor logits = Random(scope, new Shape(256, V), 1), loss = scope.Zeros(new Shape(256)), d = scope.Zeros(new Shape(256, V));
        Tensor labels = scope.From(new int[256]);
        double bytes = 4.0 * logits.Count;
        yield return new("CrossEntropy", "256x49280", bytes, () => k.CrossEntropy(logits, labels, loss, null));
        yield return new("CrossEntropy and gradient", "256x49280", 2 * bytes, () => k.CrossEntropy(logits, labels, loss, d));
        var shape = new Shape(5_000_000);
        Tensor p = Random(scope, shape, 1), g = Random(scope, shape, 2), m = scope.Zeros(shape), v = scope.Zeros(shape), norm = scope.Zeros(new Shape(1));
        yield return new("AdamW", "5M", 7 * 4.0 * shape.Count, () => k.AdamW(new AdamWArgs(p, g, m, v, null, new AdamWStep(1e-9, 0.9, 0.999, 1e-8, 0, 1, 1))));
        yield return new("GlobalNorm", "5M", 4.0 * shape.Count, () => k.GlobalNorm([g], norm));
        yield return new("Fill", "5M", 4.0 * shape.Count, () => k.Fill(m, 0f));
        Tensor table = scope.New(new Shape(V, 576), DType.BF16), ids = scope.From(Enumerable.Range(0, 300).Select(i => i * 7919 % V).ToArray()), rows = scope.Zeros(new Shape(300, 576));
        k.Fill(table, 1f);
        yield return new("GatherRows bf16", "300x576", 6.0 * rows.Count, () => k.GatherRows(table, ids, rows));
        Tensor dTable = scope.Zeros(new Shape(V, 576));
        yield return new("ScatterAddRows", "300x576", 12.0 * rows.Count, () => k.ScatterAddRows(rows, ids, dTable));
        Tensor narrow = scope.New(new Shape(1 << 22), DType.BF16), wide = scope.Zeros(narrow.Shape);
        yield return new("Copy bf16 to f32", "4M", 6.0 * narrow.Count, () => k.Copy(narrow, wide));
        yield return new("Copy f32 to bf16", "4M", 6.0 * narrow.Count, () => k.Copy(wide, narrow));
    }

    private static Tensor Random(StepScope scope, Shape shape, ulong key)
    {
        float[] values = new float[shape.Count];
        Rng.FillUniform(values, -3f, 3f, key);
        return scope.From(values, shape);
    }
}
