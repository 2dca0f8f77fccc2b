using Lorikeet.Tensors.Storage;

namespace Lorikeet.Tensors.Ops;

/// <summary>y = x W with a matrix stored [In, Out], the other way round than a linear layer's.</summary>
public static class Project
{
    /// <summary>Multiplies.</summary>
    /// <param name="scope">Owner of the result.</param>
    /// <param name="x">[N, In] f32.</param>
    /// <param name="weight">[In, Out] of any float type.</param>
    /// <returns>[N, Out].</returns>
    public static Tensor Forward(StepScope scope, Tensor x, Param weight)
    {
        Tensor w = weight.Value;
        Shape.RequireLast("projected", x.Shape, w.Shape[0]);
        Tensor y = scope.New(new Shape(x.Shape.Rows, w.Shape[1]));
        scope.Kernels.MatMul(new MatMulArgs(x, false, w, false, y, 1f, false, null, scope.Compute));
        if (scope.Wants(x, weight.IsTrained ? w : null))
        {
            scope.Record(y, dY => Backward(scope, x, weight, dY), x);
        }

        return y;
    }

    private static void Backward(StepScope scope, Tensor x, Param weight, Tensor dY)
    {
        if (weight.IsTrained)
        {
            Tensor dW = scope.GradBuffer(weight.Value, out bool accumulate);
            scope.Kernels.MatMul(new MatMulArgs(x, true, dY, false, dW, 1f, accumulate, null, scope.Compute));
        }

        if (x.NeedsGrad)
        {
            Tensor dX = scope.GradBuffer(x, out bool accumulate);
            scope.Kernels.MatMul(new MatMulArgs(dY, false, weight.Value, true, dX, 1f, accumulate, null, scope.Compute));
        }
    }
}
