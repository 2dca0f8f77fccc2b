using Lorikeet.Tensors;

namespace Lorikeet.Nn;

/// <summary>Something trained beside a frozen linear layer. It knows nothing of how the base matrix is stored.</summary>
public interface IAdapter
{
    /// <summary>Whether the layer's output is rescaled, so that the bias must come after the adapter.</summary>
    bool ScalesOutput { get; }

    /// <summary>Trained tensors by their PEFT name behind the module path, e.g. <c>lora_A.weight</c>, in file order.</summary>
    IReadOnlyList<(string Name, Tensor Value)> Parameters { get; }

    /// <summary>Adds the adapter's contribution; may change <paramref name="y"/> in place.</summary>
    /// <param name="scope">Owner of the result.</param>
    /// <param name="layer">The adapted layer.</param>
    /// <param name="x">[N, In], the layer's input.</param>
    /// <param name="y">[N, Out], the base's output.</param>
    /// <returns>[N, Out].</returns>
    Tensor Apply(StepScope scope, Linear layer, Tensor x, Tensor y);

    /// <summary>The base matrix with the adapter folded in, f32 [Out, In], in a tensor of the scope.</summary>
    Tensor MergedWeight(StepScope scope, Linear layer);
}
