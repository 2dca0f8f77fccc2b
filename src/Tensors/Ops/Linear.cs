using Lorikeet.Tensors.Storage;

namespace Lorikeet.Tensors.Ops;

/// <summary>y = x W^T + b. Only what is trained gets a gradient: a frozen matrix passes dX = dY W on and saves nothing.</summary>
public static class Linear
{
    /// <summary>Applies the layer.</summary>
    /// <param name="scope">Owner of the result.</param>
    /// <param name="x">[..., In] f32.</param>
    /// <param name="weight">[Out, In].</param>
    /// <param name="bias">[Out] of any float type, or null.</param>
    /// <returns>[rows, Out] f32.</returns>
    public static Tensor Forward(StepScope scope, Tensor x, IWeight weight, Tensor? bias)
    {
        Shape.RequireLast("linear input", x.Shape, weight.In);
        Tensor y = scope.New(new Shape(x.Shape.Rows, weight.Out));
        weight.Multiply(scope, x, y, bias);
        if (!scope.Wants(x, weight.Trained, bias))
        {
            return y;
        }

        if (weight.Trained is null)
        {
            scope.Record(y, dY => Backward(scope, x, weight, bias, dY));
        }
        else
        {
            scope.Record(y, dY => Backward(scope, x, weight, bias, dY), x);
        }

        return y;
    }

    private static void Backward(StepScope scope, Tensor x, IWeight weight, Tensor? bias, Tensor dY)
    {
        if (weight.Trained is { } w)
        {
            Tensor dW = scope.GradBuffer(w, out bool accumulate);
            scope.Kernels.MatMul(new MatMulArgs(dY, true, x, false, dW, 1f, accumulate, null, scope.Compute));
        }

        if (bias is { NeedsGrad: true })
        {
            Tensor dBias = scope.GradBuffer(bias, out bool accumulate);
            scope.Kernels.SumRows(dY, null, dBias, accumulate);
        }

        if (x.NeedsGrad)
        {
            Tensor dX = scope.GradBuffer(x, out bool accumulate);
            weight.MultiplyTransposed(scope, dY, dX, accumulate);
        }
    }
}
