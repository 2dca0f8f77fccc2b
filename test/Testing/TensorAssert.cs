using System.Globalization;
using Lorikeet.Tensors;

namespace Lorikeet.Testing;

/// <summary>Two tensors that should agree and don't.</summary>
public sealed class TensorMismatchException(string message) : Exception(message);

/// <summary>Comparisons of numbers with messages that say how far apart, and where.</summary>
public static class TensorAssert
{
    /// <summary>Passes where |actual - expected| &lt;= absolute + relative |expected| for every element; equal infinities and NaN pairs pass.</summary>
    public static void Close(Tensor actual, Tensor expected, double relative, double absolute, string name = "tensor")
    {
        Shape.Require(name, actual.Shape, expected.Shape);
        Close(actual.ToHost<float>(), expected.ToHost<float>(), relative, absolute, name);
    }

    /// <inheritdoc cref="Close(Tensor, Tensor, double, double, string)"/>
    public static void Close(ReadOnlySpan<float> actual, ReadOnlySpan<float> expected, double relative, double absolute, string name = "values")
    {
        if (actual.Length != expected.Length)
        {
            throw new TensorMismatchException(string.Create(CultureInfo.InvariantCulture, $"{name}: expected {expected.Length} elements, got {actual.Length}"));
        }

        int bad = 0, worst = -1;
        double maxAbs = 0, maxRel = 0, worstExcess = double.NegativeInfinity;
        for (int i = 0; i < actual.Length; i++)
        {
            double a = actual[i], e = expected[i], error = Math.Abs(a - e);
            if (a.Equals(e))
            {
                continue;
            }

            error = double.IsNaN(error) ? double.PositiveInfinity : error;
            maxAbs = Math.Max(maxAbs, error);
            maxRel = Math.Max(maxRel, error / Math.Abs(e));
            double excess = error - absolute - (relative * Math.Abs(e));
            bad += excess > 0 ? 1 : 0;
            if (excess > worstExcess)
            {
                (worst, worstExcess) = (i, excess);
            }
        }

        if (bad > 0)
        {
            throw new TensorMismatchException(string.Create(
                CultureInfo.InvariantCulture,
                $"{name}: {bad} of {actual.Length} elements differ by more than {absolute:g3} + {relative:g3} |expected|; max abs {maxAbs:g4}, max rel {maxRel:g4}; worst at [{worst}]: expected {expected[worst]:g9}, got {actual[worst]:g9}"));
        }
    }

    /// <summary>Passes where both tensors hold the same bits.</summary>
    public static void SameBits(Tensor actual, Tensor expected, string name = "tensor")
    {
        Shape.Require(name, actual.Shape, expected.Shape);
        byte[] a = Bytes(actual), e = Bytes(expected);
        int at = a.AsSpan().CommonPrefixLength(e);
        if (at < a.Length)
        {
            throw new TensorMismatchException(string.Create(CultureInfo.InvariantCulture, $"{name}: bits differ first at element {at / actual.DType.Size()} of {actual.Count}"));
        }
    }

    /// <summary>sqrt(sum (a - e)^2 / sum e^2): the error as a fraction of the expected values' size.</summary>
    public static double RelativeError(ReadOnlySpan<float> actual, ReadOnlySpan<double> expected)
    {
        double difference = 0, size = 0;
        for (int i = 0; i < actual.Length; i++)
        {
            difference += (actual[i] - expected[i]) * (actual[i] - expected[i]);
            size += expected[i] * expected[i];
        }

        return size == 0 ? Math.Sqrt(difference) : Math.Sqrt(difference / size);
    }

    private static byte[] Bytes(Tensor x)
    {
        byte[] bytes = new byte[x.Bytes];
        x.CopyTo<byte>(bytes);
        return bytes;
    }
}
