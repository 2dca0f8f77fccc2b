namespace Lorikeet.Tensors.Ops;

/// <summary>y = f(x), element by element.</summary>
public static class Activation
{
    /// <summary>Applies a non-linearity.</summary>
    /// <param name="scope">Owner of the result.</param>
    /// <param name="kind">Which one.</param>
    /// <param name="x">(...) f32.</param>
    public static Tensor Forward(StepScope scope, ActivationKind kind, Tensor x)
    {
        Tensor y = scope.New(x.Shape);
        scope.Kernels.Activation(kind, x, y);
        if (scope.Wants(x))
        {
            scope.Record(
                y,
                dY =>
                {
                    Tensor dX = scope.GradBuffer(x, out bool accumulate);
                    scope.Kernels.ActivationBackward(kind, x, dY, dX, accumulate);
                },
                x);
        }

        return y;
    }
}
