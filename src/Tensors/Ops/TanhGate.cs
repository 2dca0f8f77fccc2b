namespace Lorikeet.Tensors.Ops;

/// <summary>y = tanh(g) x, or (1 - tanh(g)) x, with one learned number g: a branch that a model can open gradually.</summary>
public static class TanhGate
{
    /// <summary>Scales by the gate, without the host ever reading it.</summary>
    /// <param name="scope">Owner of the result.</param>
    /// <param name="x">(...) of the activations' type.</param>
    /// <param name="gate">[1] of any float type.</param>
    /// <param name="complement">Whether the factor is 1 - tanh(g).</param>
    public static Tensor Forward(StepScope scope, Tensor x, Tensor gate, bool complement = false)
    {
        Shape.Require("gate", gate.Shape, new Shape(1));
        Tensor g = scope.New(gate.Shape, DType.F32), factors = scope.New(new Shape(x.Shape.Rows), DType.F32);
        scope.Kernels.Copy(gate, g);
        scope.Frame(() => Factors(scope, g, factors, complement));
        Tensor y = scope.New(x.Shape);
        scope.Kernels.ScaleRows(x, factors, y, accumulate: false);
        if (scope.Wants(x, gate))
        {
            scope.Record(y, dY => Backward(scope, (x, gate), (g, factors), complement, dY), x, g, factors);
        }

        return y;
    }

    /// <summary>The factor, once for each row.</summary>
    private static void Factors(StepScope scope, Tensor g, Tensor factors, bool complement)
    {
        Tensor tanh = scope.New(g.Shape, DType.F32), ones = scope.New(factors.Shape, DType.F32);
        Shape column = new((int)factors.Count, 1);
        scope.Kernels.Activation(ActivationKind.Tanh, g, tanh);
        scope.Kernels.Fill(ones, complement ? -1f : 1f);
        scope.Kernels.Fill(factors, complement ? 1f : 0f);
        scope.Kernels.ScaleColumns(ones.View(column), tanh, factors.View(column), accumulate: true);
    }

    private static void Backward(StepScope scope, (Tensor X, Tensor Gate) inputs, (Tensor G, Tensor Factors) saved, bool complement, Tensor dY)
    {
        if (inputs.X.NeedsGrad)
        {
            Tensor dX = scope.GradBuffer(inputs.X, out bool accumulate);
            scope.Kernels.ScaleRows(dY, saved.Factors, dX, accumulate);
        }

        if (inputs.Gate.NeedsGrad)
        {
            Tensor sum = scope.New(saved.G.Shape, DType.F32);
            scope.Kernels.Sum(dY, inputs.X, sum, accumulate: false);
            scope.Kernels.Scale(sum, complement ? -1f : 1f, sum, accumulate: false);
            Tensor dGate = scope.GradBuffer(inputs.Gate, out bool accumulate);
            scope.Kernels.ActivationBackward(ActivationKind.Tanh, saved.G, sum, dGate, accumulate);
        }
    }
}
