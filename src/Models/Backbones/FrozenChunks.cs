using Lorikeet.Tensors;

namespace Lorikeet.Models.Backbones;

/// <summary>Runs a part of a model that nothing trains over a few pictures at a time: enough rows for full speed, few enough to stay small.</summary>
internal static class FrozenChunks
{
    /// <summary>Rows of all items, computed some items at a time and joined in order.</summary>
    /// <param name="scope">Owner of the result.</param>
    /// <param name="rows">Rows that each item gives.</param>
    /// <param name="width">Columns of the result.</param>
    /// <param name="atOnce">Items per chunk.</param>
    /// <param name="part">Given first item and number of items: their rows [sum of rows, width].</param>
    public static Tensor Forward(StepScope scope, IReadOnlyList<int> rows, int width, int atOnce, Func<int, int, Tensor> part)
    {
        Tensor all = scope.New(new Shape(rows.Sum(), width));
        int row = 0;
        for (int first = 0; first < rows.Count; first += atOnce)
        {
            int count = Math.Min(atOnce, rows.Count - first), start = first, target = row;
            scope.Frame(() =>
            {
                Tensor chunk = part(start, count);
                scope.Kernels.Copy(chunk, all.Slice(target, chunk.Shape[0]));
            });
            row += rows.Skip(first).Take(count).Sum();
        }

        return all;
    }
}
