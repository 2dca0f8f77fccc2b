namespace Lorikeet.Tensors.Ops;

/// <summary>y[i] = table[ids[i]]: embedding look-up, position embeddings, row permutations.</summary>
public static class GatherRows
{
    /// <summary>Gathers rows.</summary>
    /// <param name="scope">Owner of the result.</param>
    /// <param name="table">[R, C] of any float type.</param>
    /// <param name="ids">I32 [N], each in [0, R).</param>
    /// <returns>[N, C] f32.</returns>
    public static Tensor Forward(StepScope scope, Tensor table, Tensor ids)
    {
        Tensor y = scope.New(new Shape(ids.Shape[0], table.Shape.Last));
        scope.Kernels.GatherRows(table, ids, y);
        if (scope.Wants(table))
        {
            scope.Record(
                y,
                dY =>
                {
                    Tensor dTable = scope.GradBuffer(table, out bool accumulate);
                    if (!accumulate)
                    {
                        scope.Kernels.Fill(dTable, 0);
                    }

                    scope.Kernels.ScatterAddRows(dY, ids, dTable);
                },
                ids);
        }

        return y;
    }
}
