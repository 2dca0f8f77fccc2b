namespace Lorikeet.Tensors.Ops;

/// <summary>The same elements under another shape; no copy.</summary>
public static class Reshape
{
    /// <summary>Reshapes.</summary>
    /// <param name="scope">The recording scope.</param>
    /// <param name="x">(...) f32.</param>
    /// <param name="shape">A shape with as many elements.</param>
    public static Tensor Forward(StepScope scope, Tensor x, Shape shape)
    {
        Tensor y = x.View(shape);
        if (scope.Wants(x))
        {
            scope.Record(y, dY => scope.ShareGrad(x, dY));
        }

        return y;
    }
}
