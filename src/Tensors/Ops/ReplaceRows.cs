namespace Lorikeet.Tensors.Ops;

/// <summary>y = x with the rows ids[i] replaced by rows[i]: image features put in the place of image tokens.</summary>
public static class ReplaceRows
{
    /// <summary>Replaces rows.</summary>
    /// <param name="scope">Owner of the result.</param>
    /// <param name="x">[N, C] f32.</param>
    /// <param name="rows">[M, C] f32.</param>
    /// <param name="ids">I32 [M], distinct, each in [0, N).</param>
    public static Tensor Forward(StepScope scope, Tensor x, Tensor rows, Tensor ids)
    {
        Shape.Require("replaced rows", rows.Shape, new Shape(ids.Shape[0], x.Shape.Last));
        Tensor y = scope.New(x.Shape);
        scope.Kernels.Copy(x, y);
        scope.Kernels.ScatterRows(rows, ids, y);
        if (scope.Wants(x, rows))
        {
            scope.Record(y, dY => Backward(scope, x, rows, ids, dY), ids);
        }

        return y;
    }

    private static void Backward(StepScope scope, Tensor x, Tensor rows, Tensor ids, Tensor dY)
    {
        if (rows.NeedsGrad)
        {
            Tensor dRows = scope.New(rows.Shape);
            scope.Kernels.GatherRows(dY, ids, dRows);
            scope.ShareGrad(rows, dRows);
        }

        if (x.NeedsGrad)
        {
            Tensor dX = scope.New(x.Shape), zeros = scope.Zeros(rows.Shape);
            scope.Kernels.Copy(dY, dX);
            scope.Kernels.ScatterRows(zeros, ids, dX);
            scope.ShareGrad(x, dX);
        }
    }
}
