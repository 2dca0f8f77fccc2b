using Lorikeet.Models;
using Lorikeet.Tensors;
using Lorikeet.Tensors.Ops;

namespace Lorikeet.Training.Objectives;

/// <summary>Supervised fine-tuning: the sum of -log p(token) over supervised tokens.</summary>
/// <remarks>Source: transformers' <c>ForCausalLMLoss</c> with <c>num_items_in_batch</c>.</remarks>
public sealed class Sft : IObjective
{
    /// <inheritdoc/>
    public string Name => "sft";

    /// <inheritdoc/>
    public IReadOnlyList<long> Counts(ModelInput batch) => [batch.Tokens.Supervised().Rows.Length];

    /// <inheritdoc/>
    public IReadOnlyList<LossTerm> Compute(StepScope scope, VisionLanguageModel model, ModelInput batch)
    {
        (int[] rows, int[] labels) = batch.Tokens.Supervised();
        Tensor hidden = model.Hidden(scope, batch);
        Tensor losses = LinearCrossEntropy.Forward(scope, hidden, model.LmHead.Weight, scope.From(rows), scope.From(labels));
        return [new LossTerm("loss", 1, Sum.Forward(scope, losses), rows.Length, LossUnit.Token)];
    }
}
