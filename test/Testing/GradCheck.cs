using System.Globalization;
using Lorikeet.Tensors;

namespace Lorikeet.Testing;

/// <summary>
/// Compares an op's backward pass with finite differences of its forward pass. The derivative of sum(w y) with random w is
/// taken along every element of every input, by differences of fourth order with sums in double. Scopes are in training mode.
/// </summary>
public static class GradCheck
{
    /// <summary>Step of the differences: values are stored in f32, so a larger step loses less to rounding.</summary>
    private const float Step = 1f / 64;

    /// <summary>Checks the gradients of all inputs on a device.</summary>
    /// <param name="device">A name for <see cref="TestDevices.Open"/>.</param>
    /// <param name="inputs">Shapes of the inputs; they get normal values.</param>
    /// <param name="op">The op: maps the inputs to one f32 result.</param>
    /// <param name="tolerance">Largest error of an input's gradient relative to its size (both as vectors).</param>
    /// <exception cref="TensorMismatchException">A gradient is missing or wrong; the message names the input and both values.</exception>
    public static void Run(string device, Shape[] inputs, Func<StepScope, Tensor[], Tensor> op, double tolerance = 1e-3)
    {
        float[][] values = new float[inputs.Length][];
        for (int i = 0; i < inputs.Length; i++)
        {
            values[i] = new float[inputs[i].Count];
            Rng.FillNormal(values[i], 1f, 100 + (ulong)i);
        }

        Run(device, inputs, values, op, tolerance);
    }

    /// <summary>As <see cref="Run(string, Shape[], Func{StepScope, Tensor[], Tensor}, double)"/>, with given values.</summary>
    public static void Run(string device, Shape[] inputs, float[][] values, Func<StepScope, Tensor[], Tensor> op, double tolerance = 1e-3)
    {
        using var t = new TestScope(device);
        float[] weights = Weights(t, inputs, values, op);
        float[][] gradients = Gradients(t, inputs, values, op, weights);
        for (int i = 0; i < inputs.Length; i++)
        {
            double[] expected = new double[values[i].Length];
            for (int j = 0; j < expected.Length; j++)
            {
                expected[j] = Derivative(t, inputs, values, op, weights, (i, j));
            }

            RequireClose(i, gradients[i], expected, tolerance);
        }
    }

    private static void RequireClose(int input, float[] actual, double[] expected, double tolerance)
    {
        double error = TensorAssert.RelativeError(actual, expected);
        if (error <= tolerance)
        {
            return;
        }

        int worst = 0;
        for (int j = 1; j < actual.Length; j++)
        {
            worst = Math.Abs(actual[j] - expected[j]) > Math.Abs(actual[worst] - expected[worst]) ? j : worst;
        }

        throw new TensorMismatchException(string.Create(
            CultureInfo.InvariantCulture,
            $"gradient of input {input}: relative error {error:g3}, allowed {tolerance:g3}; worst at [{worst}]: finite difference {expected[worst]:g6}, backward {actual[worst]:g6}"));
    }

    private static float[] Weights(TestScope t, Shape[] inputs, float[][] values, Func<StepScope, Tensor[], Tensor> op)
    {
        float[] weights = new float[Forward(t, inputs, values, op).Length];
        Rng.FillNormal(weights, 1f, 99);
        return weights;
    }

    private static float[] Forward(TestScope t, Shape[] inputs, float[][] values, Func<StepScope, Tensor[], Tensor> op)
    {
        using var scope = new StepScope(t.Device, t.Arena, record: false) { Training = true };
        Tensor[] tensors = [.. inputs.Select((shape, i) => scope.From(values[i], shape))];
        return op(scope, tensors).ToHost<float>();
    }

    private static float[][] Gradients(TestScope t, Shape[] inputs, float[][] values, Func<StepScope, Tensor[], Tensor> op, float[] weights)
    {
        var parameters = new Parameters(t.Device, t.Arena);
        Tensor[] tensors = [.. inputs.Select((shape, i) => parameters.NewTrained(shape, values[i]))];
        using (var scope = new StepScope(t.Device, t.Arena, record: true) { Training = true })
        {
            Tensor y = op(scope, tensors), w = scope.From(weights, y.Shape), sum = scope.New(new Shape(1));
            scope.Kernels.Sum(y, w, sum, accumulate: false);
            scope.Record(sum, _ => scope.ShareGrad(y, w), w);
            scope.Backward((sum, 1f));
        }

        float[][] gradients = [.. tensors.Select((x, i) => x.Grad?.ToHost<float>() ?? throw new TensorMismatchException($"input {i} got no gradient"))];
        foreach (Tensor x in tensors)
        {
            Parameters.Free(x);
        }

        return gradients;
    }

    private static double Derivative(TestScope t, Shape[] inputs, float[][] values, Func<StepScope, Tensor[], Tensor> op, float[] weights, (int Input, int Element) at)
    {
        float[] x = values[at.Input];
        float centre = x[at.Element];
        double At(int steps)
        {
            x[at.Element] = centre + (steps * Step);
            float[] y = Forward(t, inputs, values, op);
            double sum = 0;
            for (int i = 0; i < y.Length; i++)
            {
                sum += (double)weights[i] * y[i];
            }

            return sum;
        }

        // The points that f32 really holds, so that their distance is exact.
        double width = (double)(centre + Step) - (centre - Step);
        double derivative = ((8 * (At(1) - At(-1))) - (At(2) - At(-2))) / (6 * width);
        x[at.Element] = centre;
        return derivative;
    }
}
