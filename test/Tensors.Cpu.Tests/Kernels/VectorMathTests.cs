using System.Runtime.Intrinsics;
using Lorikeet.Testing;

namespace Lorikeet.Tensors.Cpu.Tests.Kernels;

public sealed unsafe class VectorMathTests
{
    [Fact]
    public void Exp_is_good_to_one_and_a_half_e_minus_seven_wherever_the_result_is_normal() =>
        RequireRelative(-87.3f, 88.72f, x => VectorMath.Exp(x), Math.Exp, 1.5e-7);

    [Fact]
    public void Exp_reaches_zero_and_infinity_and_keeps_a_nan()
    {
        float[] values = [float.NegativeInfinity, -1e30f, -150f, 89f, 1e30f, float.PositiveInfinity, float.NaN, 0f, -0f, 88.7f, -100f];
        float[] expected = [0f, 0f, 0f, float.PositiveInfinity, float.PositiveInfinity, float.PositiveInfinity, float.NaN, 1f, 1f, 3.32598e38f, 3.78e-44f];
        TensorAssert.Close(Apply(values, x => VectorMath.Exp(x)), expected, 1e-4, 1.5e-45);
    }

    [Fact]
    public void Sigmoid_is_relatively_accurate_down_to_its_tail() =>
        RequireRelative(-87f, 40f, x => VectorMath.Sigmoid(x), x => 1 / (1 + Math.Exp(-x)), 3e-7);

    [Fact]
    public void The_complement_of_the_sigmoid_does_not_cancel() => RequireRelative(
        -40f,
        80f,
        x =>
        {
            VectorMath.Sigmoid(x, out Vector512<float> complement);
            return complement;
        },
        x => 1 / (1 + Math.Exp(x)),
        3.5e-7);

    [Fact]
    public void Words_of_the_vector_generator_are_those_of_the_scalar_one()
    {
        uint* words = stackalloc uint[32];
        foreach ((ulong key, ulong counter) in ((ulong, ulong)[])[(0, 0), (ulong.MaxValue, 5), (0x123456789ABCDEF0, uint.MaxValue - 3ul), (42, ulong.MaxValue - 3)])
        {
            VectorPhilox.Words(key, counter, words);
            for (int i = 0; i < 8; i++)
            {
                (uint x, uint y, uint z, uint w) = Rng.Philox(key, counter + (ulong)i, 0);
                Assert.Equal((x, y, z, w), (words[4 * i], words[(4 * i) + 1], words[(4 * i) + 2], words[(4 * i) + 3]));
            }
        }
    }

    [Fact]
    public void Row_sums_are_accurate_for_long_rows()
    {
        float[] a = new float[100_003], b = new float[a.Length];
        Rng.FillUniform(a, 0f, 1f, 1);
        Rng.FillNormal(b, 1f, 2);
        fixed (float* p = a, q = b)
        {
            double sum = 0, product = 0, squares = 0;
            for (int i = 0; i < a.Length; i++)
            {
                sum += a[i];
                product += (double)a[i] * b[i];
                squares += (a[i] - 0.5) * (a[i] - 0.5);
            }

            Assert.Equal(sum, RowSums.Of(p, a.Length), 1e-7 * sum);
            Assert.Equal(product, RowSums.Product(p, q, a.Length), 1e-7 * sum);
            Assert.Equal(squares, RowSums.Squares(p, 0.5f, a.Length), 2e-7 * squares);
        }
    }

    [Fact]
    public void Parts_of_vectors_leave_their_neighbours_alone()
    {
        float[] buffer = new float[48];
        fixed (float* p = buffer)
        {
            for (int count = 0; count < Lanes.Width; count++)
            {
                Array.Fill(buffer, -1f);
                Lanes.StorePart(p + 16, Vector512.Create(7f), count);
                Assert.Equal(count, buffer.Count(v => v == 7f));
                Assert.Equal(count, buffer.Skip(16).TakeWhile(v => v == 7f).Count());
                Vector512<float> part = Lanes.LoadPart(p + 16, count);
                Assert.Equal(7f * count, Vector512.Sum(part));
            }
        }
    }

    private static void RequireRelative(float low, float high, Func<Vector512<float>, Vector512<float>> f, Func<double, double> exact, double tolerance)
    {
        float[] x = new float[200_000];
        for (int i = 0; i < x.Length; i++)
        {
            x[i] = low + ((high - low) * i / (x.Length - 1));
        }

        float[] y = Apply(x, f);
        double worst = 0;
        float at = 0;
        for (int i = 0; i < x.Length; i++)
        {
            double error = Math.Abs((y[i] / exact(x[i])) - 1);
            (worst, at) = error > worst ? (error, x[i]) : (worst, at);
        }

        Assert.True(worst <= tolerance, $"relative error {worst} at {at}");
    }

    private static float[] Apply(float[] x, Func<Vector512<float>, Vector512<float>> f)
    {
        float[] y = new float[x.Length];
        for (int i = 0; i < x.Length; i += Lanes.Width)
        {
            float[] lanes = new float[Lanes.Width];
            int n = Math.Min(Lanes.Width, x.Length - i);
            Array.Copy(x, i, lanes, 0, n);
            f(Vector512.Create(lanes)).CopyTo(lanes);
            Array.Copy(lanes, 0, y, i, n);
        }

        return y;
    }
}
