namespace Lorikeet.Tensors.Ops;

/// <summary>y = the columns of all parts side by side: features of several layers as one row.</summary>
public static class JoinColumns
{
    /// <summary>Joins columns.</summary>
    /// <param name="scope">Owner of the result.</param>
    /// <param name="parts">At least one, each [N, C of its own] f32.</param>
    /// <returns>[N, sum of all C].</returns>
    public static Tensor Forward(StepScope scope, params IReadOnlyList<Tensor> parts)
    {
        int N = parts[0].Shape.Rows;
        foreach (Tensor part in parts)
        {
            Shape.Require("joined columns", part.Shape, new Shape(N, part.Shape.Last));
        }

        Tensor y = scope.New(new Shape(N, parts.Sum(p => p.Shape.Last)));
        int start = 0;
        foreach (Tensor part in parts)
        {
            scope.Kernels.CopyColumns(part, 0, y, start, part.Shape.Last, accumulate: false);
            start += part.Shape.Last;
        }

        if (scope.Wants([.. parts]))
        {
            scope.Record(y, dY => Backward(scope, parts, dY));
        }

        return y;
    }

    private static void Backward(StepScope scope, IReadOnlyList<Tensor> parts, Tensor dY)
    {
        int start = 0;
        foreach (Tensor part in parts)
        {
            if (part.NeedsGrad)
            {
                Tensor dPart = scope.GradBuffer(part, out bool accumulate);
                scope.Kernels.CopyColumns(dY, start, dPart, 0, part.Shape.Last, accumulate);
            }

            start += part.Shape.Last;
        }
    }
}
