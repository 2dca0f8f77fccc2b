namespace Lorikeet.Tensors.Ops;

/// <summary>Rotary position embedding of heads. Source: Su et al. 2021, "RoFormer".</summary>
public static class Rope
{
    /// <summary>Rotates every head of every row by the row's angles.</summary>
    /// <param name="scope">Owner of the result.</param>
    /// <param name="pairing">Which elements rotate together.</param>
    /// <param name="x">[N, H, D] f32.</param>
    /// <param name="cos">[N, D/2] f32.</param>
    /// <param name="sin">[N, D/2] f32.</param>
    public static Tensor Forward(StepScope scope, RopePairing pairing, Tensor x, Tensor cos, Tensor sin)
    {
        Shape expected = new(x.Shape[0], x.Shape[2] / 2);
        Shape.Require("rope cos", cos.Shape, expected);
        Shape.Require("rope sin", sin.Shape, expected);
        Tensor y = scope.New(x.Shape);
        scope.Kernels.Rope(pairing, x, cos, sin, y, inverse: false);
        if (scope.Wants(x))
        {
            scope.Record(
                y,
                dY =>
                {
                    Tensor dX = scope.New(x.Shape);
                    scope.Kernels.Rope(pairing, dY, cos, sin, dX, inverse: true);
                    scope.ShareGrad(x, dX);
                },
                cos,
                sin);
        }

        return y;
    }
}
