namespace Lorikeet.Tensors.Ops;

/// <summary>y[0] = sum of all elements.</summary>
public static class Sum
{
    /// <summary>Sums.</summary>
    /// <param name="scope">Owner of the result.</param>
    /// <param name="x">(...) f32.</param>
    /// <returns>[1].</returns>
    public static Tensor Forward(StepScope scope, Tensor x)
    {
        Tensor y = scope.New(new Shape(1), DType.F32);
        scope.Kernels.Sum(x, null, y, accumulate: false);
        if (scope.Wants(x))
        {
            scope.Record(y, dY =>
            {
                Tensor dX = scope.New(x.Shape), ones = scope.New(new Shape((int)x.Count, 1), DType.F32);
                scope.Kernels.Fill(ones, 1f);
                scope.Kernels.ScaleColumns(ones, dY, dX.View(ones.Shape), accumulate: false);
                scope.ShareGrad(x, dX);
            });
        }

        return y;
    }
}
