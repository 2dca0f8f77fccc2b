using Lorikeet.Testing;

namespace Lorikeet.Tensors.Cpu.Tests.Kernels;

/// <summary>Runs the same calls on two devices and compares everything they return.</summary>
internal static class KernelTest
{
    /// <summary>Lengths around vectors of 16, unrolled loops of 64 and chunks, and widths that models have.</summary>
    public static readonly int[] Lengths = [0, 1, 2, 3, 7, 8, 15, 16, 17, 31, 33, 63, 64, 65, 72, 127, 129, 588, 4304, 8192, 8193];

    /// <summary>Rows and columns of matrices.</summary>
    public static readonly (int N, int C)[] Matrices =
        [(0, 16), (1, 1), (1, 17), (2, 16), (3, 15), (5, 64), (7, 72), (33, 65), (4, 576), (3, 588), (2, 4304), (300, 130), (19, 1152)];

    /// <summary>The device gives what the scalar reference gives, within |difference| &lt;= absolute + relative |expected|.</summary>
    public static void MatchesReference(string device, double relative, double absolute, Func<TestScope, Tensor[]> run)
    {
        using var expected = new TestScope("reference");
        using var actual = new TestScope(device);
        Tensor[] e = run(expected), a = run(actual);
        for (int i = 0; i < e.Length; i++)
        {
            TensorAssert.Close(a[i], e[i], relative, absolute, $"result {i} {e[i].Shape}");
        }
    }

    /// <summary>The results are the same bits on 1, 2, 3 and 7 threads.</summary>
    public static void ThreadsDoNotMatter(Func<TestScope, Tensor[]> run)
    {
        using var one = new TestScope("cpu", threads: 1);
        Tensor[] e = run(one);
        foreach (int threads in (int[])[2, 3, 7])
        {
            using var many = new TestScope("cpu", threads);
            Tensor[] a = run(many);
            for (int i = 0; i < e.Length; i++)
            {
                TensorAssert.SameBits(a[i], e[i], $"result {i} with {threads} threads");
            }
        }
    }
}
