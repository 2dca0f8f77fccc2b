using Lorikeet.Adapters;
using Lorikeet.Models;
using Lorikeet.Nn;

namespace Lorikeet.Training.Planning;

/// <summary>Floating-point operations that the mathematics of a step needs: 2 per multiply-add of the matrices. What is computed again is not counted.</summary>
public static class StepFlops
{
    /// <summary>
    /// Forward, backward included where something trains: a frozen matrix costs its forward pass, and its input gradient where
    /// anything before it trains; a trained one its weight gradient as well; products of activations twice their forward pass.
    /// Low-rank factors count as trained matrices.
    /// </summary>
    /// <param name="model">The model, with its adapters.</param>
    /// <param name="batch">What it reads.</param>
    public static double OfTraining(VisionLanguageModel model, ModelInput batch)
    {
        double sum = 0;
        bool trainsBefore = false, trainsHere = false;
        foreach (FlopCount count in model.Flops(batch))
        {
            // Layers that share an input don't come before each other.
            if (!count.SharesInput)
            {
                trainsBefore |= trainsHere;
                trainsHere = false;
            }

            sum += count.MultiplyAdds * (1 + Backward(count.Layer, trainsBefore)) + OfAdapter(count, trainsBefore);
            trainsHere |= count.Layer is { } layer && (layer.Adapter is not null || layer.Weight.Trained is not null);
        }

        return 2 * sum;
    }

    /// <summary>What gradient checkpointing computes again, which <see cref="OfTraining"/> doesn't count: the forward pass of everything behind what trains first.</summary>
    /// <param name="model">The model, with its adapters.</param>
    /// <param name="batch">What it reads.</param>
    public static double OfRecomputing(VisionLanguageModel model, ModelInput batch)
    {
        if (!model.GradientCheckpointing)
        {
            return 0;
        }

        bool trains = false;
        double sum = 0;
        foreach (FlopCount count in model.Flops(batch).Where(count => count.Layer != model.LmHead))
        {
            trains |= count.Layer is { } layer && (layer.Adapter is not null || layer.Weight.Trained is not null);
            sum += trains ? count.MultiplyAdds : 0;
        }

        return 2 * sum;
    }

    /// <summary>The forward pass of a prompt of which only the last token's logits are wanted.</summary>
    /// <param name="model">The model.</param>
    /// <param name="batch">The prompts, without labels.</param>
    public static double OfPrefill(VisionLanguageModel model, ModelInput batch) =>
        2 * (model.Flops(batch).Sum(count => count.MultiplyAdds) + ((double)batch.Tokens.Sequences * model.LmHead.Weight.In * model.LmHead.Weight.Out));

    private static int Backward(Linear? layer, bool trainsBefore) =>
        layer is null ? (trainsBefore ? 2 : 0) : (trainsBefore ? 1 : 0) + (layer.Weight.Trained is null ? 0 : 1);

    // u = x A^T, then u B^T: both factors have forward pass and weight gradient, B its input gradient, A only where x has one.
    private static double OfAdapter(FlopCount count, bool trainsBefore) => count.Layer?.Adapter is Lora lora
        ? count.Rows * ((lora.A.Count * (trainsBefore ? 3.0 : 2.0)) + (lora.B.Count * 3.0))
        : 0;
}
