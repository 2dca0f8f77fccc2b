namespace Lorikeet.Tensors.Ops;

/// <summary>y[i, :] = s[i] x[i, :] with constant factors.</summary>
public static class ScaleRows
{
    /// <summary>Scales rows.</summary>
    /// <param name="scope">Owner of the result.</param>
    /// <param name="x">[N, C] f32.</param>
    /// <param name="factors">[N] f32; no gradient flows into them.</param>
    public static Tensor Forward(StepScope scope, Tensor x, Tensor factors)
    {
        Shape.Require("row factors", factors.Shape, new Shape(x.Shape.Rows));
        Tensor y = scope.New(x.Shape);
        scope.Kernels.ScaleRows(x, factors, y, accumulate: false);
        if (scope.Wants(x))
        {
            scope.Record(
                y,
                dY =>
                {
                    Tensor dX = scope.GradBuffer(x, out bool accumulate);
                    scope.Kernels.ScaleRows(dY, factors, dX, accumulate);
                },
                factors);
        }

        return y;
    }
}
