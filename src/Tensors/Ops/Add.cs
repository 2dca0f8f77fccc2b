namespace Lorikeet.Tensors.Ops;

/// <summary>y = a + b, the residual sum.</summary>
public static class Add
{
    /// <summary>Adds two tensors of equal shape.</summary>
    /// <param name="scope">Owner of the result.</param>
    /// <param name="a">(...) f32.</param>
    /// <param name="b">(...) f32, the shape of a.</param>
    public static Tensor Forward(StepScope scope, Tensor a, Tensor b)
    {
        if (a.Count != b.Count)
        {
            throw new ArgumentException($"add: shapes {a.Shape} and {b.Shape} differ");
        }

        Tensor y = scope.New(a.Shape);
        scope.Kernels.Add(a, b, y);
        if (scope.Wants(a, b))
        {
            scope.Record(y, dY =>
            {
                scope.ShareGrad(a, dY);
                scope.ShareGrad(b, dY);
            });
        }

        return y;
    }
}
