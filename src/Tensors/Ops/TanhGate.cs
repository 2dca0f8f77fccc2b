namespace Lorikeet.Tensors.Ops;

/// <summary>y = tanh(g) x, or (1 - tanh(g)) x, with one learned number g: a branch that a model can open gradually.</summary>
public static class TanhGate
{
    /// <summary>Scales by the gate.</summary>
    /// <param name="scope">Owner of the result.</param>
    /// <param name="x">(...) f32.</param>
    /// <param name="gate">[1] of any float type.</param>
    /// <param name="complement">Whether the factor is 1 - tanh(g).</param>
    public static Tensor Forward(StepScope scope, Tensor x, Tensor gate, bool complement = false)
    {
        Shape.Require("gate", gate.Shape, new Shape(1));
        Tensor single = scope.New(gate.Shape);
        scope.Kernels.Copy(gate, single);
        float tanh = MathF.Tanh(single.ToHost<float>()[0]), factor = complement ? 1 - tanh : tanh;
        Tensor y = scope.New(x.Shape);
        scope.Kernels.Scale(x, factor, y, accumulate: false);
        if (scope.Wants(x, gate))
        {
            float slope = (complement ? -1 : 1) * (1 - (tanh * tanh));
            scope.Record(y, dY => Backward(scope, (x, gate), (factor, slope), dY), x);
        }

        return y;
    }

    private static void Backward(StepScope scope, (Tensor X, Tensor Gate) inputs, (float Factor, float Slope) numbers, Tensor dY)
    {
        if (inputs.X.NeedsGrad)
        {
            Tensor dX = scope.GradBuffer(inputs.X, out bool accumulate);
            scope.Kernels.Scale(dY, numbers.Factor, dX, accumulate);
        }

        if (inputs.Gate.NeedsGrad)
        {
            Tensor sum = scope.New(inputs.Gate.Shape);
            scope.Kernels.Sum(dY, inputs.X, sum, accumulate: false);
            Tensor dGate = scope.GradBuffer(inputs.Gate, out bool accumulate);
            scope.Kernels.Scale(sum, numbers.Slope, dGate, accumulate);
        }
    }
}
