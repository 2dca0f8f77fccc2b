namespace Lorikeet.Tensors.Ops;

/// <summary>y = (x - mean) / sqrt(var + eps) * weight + bias per row. Source: Ba et al. 2016.</summary>
public static class LayerNorm
{
    /// <summary>Normalises rows.</summary>
    /// <param name="scope">Owner of the result.</param>
    /// <param name="x">[N, C] f32.</param>
    /// <param name="weight">[C] of any float type.</param>
    /// <param name="bias">[C] of any float type, or null.</param>
    /// <param name="eps">Added to the variance.</param>
    public static Tensor Forward(StepScope scope, Tensor x, Tensor weight, Tensor? bias, float eps)
    {
        Shape.RequireLast("layer norm", x.Shape, weight.Shape.Last);
        Tensor y = scope.New(x.Shape);
        bool wanted = scope.Wants(x, weight, bias);
        Tensor? mean = wanted ? scope.New(new Shape(x.Shape.Rows), DType.F32) : null;
        Tensor? rstd = wanted ? scope.New(new Shape(x.Shape.Rows), DType.F32) : null;
        scope.Kernels.LayerNorm(x, weight, bias, eps, y, mean, rstd);
        if (wanted)
        {
            scope.Record(
                y,
                dY =>
                {
                    bool accumulate = false;
                    Tensor? dX = x.NeedsGrad ? scope.GradBuffer(x, out accumulate) : null;
                    scope.Kernels.LayerNormBackward(
                        new NormGrad(x, weight, mean, rstd!, dY, dX, accumulate, NormGrads.Of(scope, weight), NormGrads.Of(scope, bias)));
                },
                x,
                mean!,
                rstd!);
        }

        return y;
    }
}
