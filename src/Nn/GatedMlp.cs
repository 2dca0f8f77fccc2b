using Lorikeet.Tensors;
using Lorikeet.Tensors.Ops;

namespace Lorikeet.Nn;

/// <summary>A feed-forward block.</summary>
public interface IMlp
{
    /// <summary>Its layers in the order of the forward pass: those that read the input, then the last one.</summary>
    IReadOnlyList<Linear> Linears { get; }

    /// <summary>Applies the block to x [N, C].</summary>
    Tensor Forward(StepScope scope, Tensor x);
}

/// <summary>down(f(gate(x)) * up(x)).</summary>
/// <param name="Gate">[F, C].</param>
/// <param name="Up">[F, C].</param>
/// <param name="Down">[C, F].</param>
/// <param name="Kind">Non-linearity of the gate.</param>
public sealed record GatedMlp(Linear Gate, Linear Up, Linear Down, ActivationKind Kind) : IMlp
{
    /// <inheritdoc/>
    public IReadOnlyList<Linear> Linears => [Gate, Up, Down];

    /// <inheritdoc/>
    public Tensor Forward(StepScope scope, Tensor x) =>
        Down.Forward(scope, Gated.Forward(scope, Kind, Gate.Forward(scope, x), Up.Forward(scope, x)));
}

/// <summary>down(f(g) * u), where one matrix makes g and u.</summary>
/// <param name="GateUp">[2F, C], the gate's rows first unless <see cref="GateLast"/>.</param>
/// <param name="Down">[C, F].</param>
/// <param name="Kind">Non-linearity of the gate.</param>
public sealed record FusedGatedMlp(Linear GateUp, Linear Down, ActivationKind Kind) : IMlp
{
    /// <summary>Whether the gate's rows come second instead of first.</summary>
    public bool GateLast { get; init; }

    /// <inheritdoc/>
    public IReadOnlyList<Linear> Linears => [GateUp, Down];

    /// <inheritdoc/>
    public Tensor Forward(StepScope scope, Tensor x)
    {
        Tensor both = GateUp.Forward(scope, x);
        int F = Down.Weight.In;
        return Down.Forward(scope, Gated.Forward(scope, Kind, Columns.Forward(scope, both, GateLast ? F : 0, F), Columns.Forward(scope, both, GateLast ? 0 : F, F)));
    }
}

/// <summary>down(f(up(x))): the plain two-layer MLP.</summary>
/// <param name="Up">[F, C].</param>
/// <param name="Down">[C, F].</param>
/// <param name="Kind">Non-linearity between them.</param>
public sealed record Mlp(Linear Up, Linear Down, ActivationKind Kind) : IMlp
{
    /// <inheritdoc/>
    public IReadOnlyList<Linear> Linears => [Up, Down];

    /// <inheritdoc/>
    public Tensor Forward(StepScope scope, Tensor x) =>
        Down.Forward(scope, Activation.Forward(scope, Kind, Up.Forward(scope, x)));
}
