namespace Lorikeet.Tensors.Ops;

/// <summary>y = x with rows[i] added to the row ids[i]: features added to the hidden states of image tokens.</summary>
public static class AddRows
{
    /// <summary>Adds rows.</summary>
    /// <param name="scope">Owner of the result.</param>
    /// <param name="x">[N, C] f32.</param>
    /// <param name="rows">[M, C] f32.</param>
    /// <param name="ids">I32 [M], distinct, each in [0, N).</param>
    public static Tensor Forward(StepScope scope, Tensor x, Tensor rows, Tensor ids)
    {
        Shape.Require("added rows", rows.Shape, new Shape(ids.Shape[0], x.Shape.Last));
        Tensor y = scope.New(x.Shape);
        scope.Kernels.Copy(x, y);
        scope.Kernels.ScatterAddRows(rows, ids, y);
        if (scope.Wants(x, rows))
        {
            scope.Record(
                y,
                dY =>
                {
                    if (rows.NeedsGrad)
                    {
                        Tensor dRows = scope.New(rows.Shape);
                        scope.Kernels.GatherRows(dY, ids, dRows);
                        scope.ShareGrad(rows, dRows);
                    }

                    if (x.NeedsGrad)
                    {
                        scope.ShareGrad(x, dY);
                    }
                },
                ids);
        }

        return y;
    }
}
