using Lorikeet.Tensors;
using Lorikeet.Tensors.Ops;

namespace Lorikeet.Nn;

/// <summary>down(f(gate(x)) * up(x)).</summary>
/// <param name="Gate">[F, C].</param>
/// <param name="Up">[F, C].</param>
/// <param name="Down">[C, F].</param>
/// <param name="Kind">Non-linearity of the gate.</param>
public sealed record GatedMlp(Linear Gate, Linear Up, Linear Down, ActivationKind Kind)
{
    /// <summary>Applies the block to x [N, C].</summary>
    public Tensor Forward(StepScope scope, Tensor x) =>
        Down.Forward(scope, Gated.Forward(scope, Kind, Gate.Forward(scope, x), Up.Forward(scope, x)));
}

/// <summary>down(f(up(x))): the plain two-layer MLP.</summary>
/// <param name="Up">[F, C].</param>
/// <param name="Down">[C, F].</param>
/// <param name="Kind">Non-linearity between them.</param>
public sealed record Mlp(Linear Up, Linear Down, ActivationKind Kind)
{
    /// <summary>Applies the block to x [N, C].</summary>
    public Tensor Forward(StepScope scope, Tensor x) =>
        Down.Forward(scope, Activation.Forward(scope, Kind, Up.Forward(scope, x)));
}
