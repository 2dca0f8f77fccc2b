using Lorikeet.Tensors;
using Lorikeet.Tensors.Ops;

namespace Lorikeet.Models.Backbones;

/// <summary>Hidden states of chosen layers of a tower, side by side.</summary>
internal static class FeatureLayers
{
    /// <summary>Runs the blocks up to the last chosen layer.</summary>
    /// <param name="scope">The running step.</param>
    /// <param name="x">[P, C] before the first block.</param>
    /// <param name="layers">Blocks behind which hidden states are taken, in the order of the result; one may be there twice.</param>
    /// <param name="run">Runs the blocks from one number up to another on what came before, which it frees.</param>
    /// <returns>[P, C for each layer].</returns>
    public static Tensor Forward(StepScope scope, Tensor x, IReadOnlyList<int> layers, Func<Tensor, int, int, Tensor> run)
    {
        if (layers.Count == 1)
        {
            return run(x, 0, layers[0]);
        }

        var taken = new Dictionary<int, Tensor>();
        int done = 0;
        foreach (int layer in layers.Distinct().Order())
        {
            // A frame of its own: the next block frees nothing that is taken.
            Tensor before = x;
            int from = done;
            x = layer == from ? before : scope.Frame(() => run(before, from, layer));

            // A view: the next block's share of the gradient is summed before this one is added, as where the block is computed again.
            taken[layer] = Reshape.Forward(scope, x, x.Shape);
            done = layer;
        }

        return JoinColumns.Forward(scope, [.. layers.Select(layer => taken[layer])]);
    }
}
