namespace Lorikeet.Tensors.Ops;

/// <summary>y = x[:, start .. start + count]: one part of a fused projection.</summary>
public static class Columns
{
    /// <summary>Takes columns.</summary>
    /// <param name="scope">Owner of the result.</param>
    /// <param name="x">[N, C] f32.</param>
    /// <param name="start">First column.</param>
    /// <param name="count">Number of columns.</param>
    /// <returns>[N, count].</returns>
    public static Tensor Forward(StepScope scope, Tensor x, int start, int count)
    {
        int C = x.Shape.Last;
        if (start < 0 || count < 1 || start + count > C)
        {
            throw new ArgumentException($"columns: {start} to {start + count} of {x.Shape}");
        }

        Tensor y = scope.New(new Shape((int)(x.Shape.Count / C), count));
        scope.Kernels.CopyColumns(x, start, y, 0, count, accumulate: false);
        if (scope.Wants(x))
        {
            scope.Record(y, dY =>
            {
                Tensor dX = scope.GradBuffer(x, out bool accumulate);
                if (!accumulate)
                {
                    scope.Kernels.Fill(dX, 0);
                }

                scope.Kernels.CopyColumns(dY, 0, dX, start, count, accumulate: true);
            });
        }

        return y;
    }
}
