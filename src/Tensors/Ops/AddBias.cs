namespace Lorikeet.Tensors.Ops;

/// <summary>y = x + b for every row: the bias of a layer whose adapter rescales the product first.</summary>
public static class AddBias
{
    /// <summary>Adds a bias.</summary>
    /// <param name="scope">Owner of the result.</param>
    /// <param name="x">[N, C] f32.</param>
    /// <param name="bias">[C] of any float type.</param>
    public static Tensor Forward(StepScope scope, Tensor x, Tensor bias)
    {
        Shape.RequireLast("bias", x.Shape, bias.Shape.Last);
        Tensor y = scope.New(x.Shape);
        scope.Kernels.Copy(x, y);
        scope.Frame(() =>
        {
            // A product with a column of ones adds the row vector.
            Tensor ones = scope.New(new Shape(x.Shape.Rows, 1), DType.F32);
            scope.Kernels.Fill(ones, 1f);
            scope.Kernels.MatMul(new MatMulArgs(ones, false, bias.View(new Shape(1, (int)bias.Count)), false, y, 1f, true, null, Compute.F32));
        });
        if (scope.Wants(x, bias))
        {
            scope.Record(y, dY =>
            {
                scope.ShareGrad(x, dY);
                if (bias.NeedsGrad)
                {
                    Tensor dBias = scope.GradBuffer(bias, out bool accumulate);
                    scope.Kernels.SumRows(dY, null, dBias, accumulate);
                }
            });
        }

        return y;
    }
}
