namespace Lorikeet.Tensors.Ops;

/// <summary>y = x / sqrt(mean(x^2) + eps) * weight per row. Source: Zhang and Sennrich 2019.</summary>
public static class RmsNorm
{
    /// <summary>Normalises rows.</summary>
    /// <param name="scope">Owner of the result.</param>
    /// <param name="x">[N, C] f32.</param>
    /// <param name="weight">[C] of any float type.</param>
    /// <param name="eps">Added to the mean square.</param>
    public static Tensor Forward(StepScope scope, Tensor x, Tensor weight, float eps)
    {
        Shape.RequireLast("rms norm", x.Shape, weight.Shape.Last);
        Tensor y = scope.New(x.Shape);
        bool wanted = scope.Wants(x, weight);
        Tensor? rstd = wanted ? scope.New(new Shape(x.Shape.Rows), DType.F32) : null;
        scope.Kernels.RmsNorm(x, weight, eps, y, rstd);
        if (wanted)
        {
            scope.Record(y, dY => Backward(scope, x, weight, rstd!, dY), x, rstd!);
        }

        return y;
    }

    private static void Backward(StepScope scope, Tensor x, Tensor weight, Tensor rstd, Tensor dY)
    {
        bool accumulate = false;
        Tensor? dX = x.NeedsGrad ? scope.GradBuffer(x, out accumulate) : null;
        scope.Kernels.RmsNormBackward(new NormGrad(x, weight, null, rstd, dY, dX, accumulate, NormGrads.Of(scope, weight), null));
    }
}

/// <summary>Gradient buffers of norm parameters, which their kernels always add to.</summary>
internal static class NormGrads
{
    public static Tensor? Of(StepScope scope, Tensor? parameter)
    {
        if (parameter is not { NeedsGrad: true })
        {
            return null;
        }

        Tensor buffer = scope.GradBuffer(parameter, out bool accumulate);
        if (!accumulate)
        {
            scope.Kernels.Fill(buffer, 0);
        }

        return buffer;
    }
}
