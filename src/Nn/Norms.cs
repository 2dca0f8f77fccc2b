using Lorikeet.Tensors;
using Lorikeet.Tensors.Storage;

namespace Lorikeet.Nn;

/// <summary>A norm over the last dimension.</summary>
public interface INorm
{
    /// <summary>Factor per column [C].</summary>
    Param Weight { get; }

    /// <summary>Whether its factors, or its bias, are trained.</summary>
    bool Trains { get; }

    /// <summary>Normalises rows of x [N, C].</summary>
    Tensor Forward(StepScope scope, Tensor x);
}

/// <summary>Root-mean-square norm over the last dimension.</summary>
/// <param name="Weight">[C].</param>
/// <param name="Eps">Added to the mean square.</param>
public sealed record RmsNorm(Param Weight, float Eps) : INorm
{
    /// <inheritdoc/>
    public bool Trains => Weight.IsTrained;

    /// <inheritdoc/>
    public Tensor Forward(StepScope scope, Tensor x) => Tensors.Ops.RmsNorm.Forward(scope, x, Weight.Value, Eps);
}

/// <summary>Layer norm over the last dimension.</summary>
/// <param name="Weight">[C].</param>
/// <param name="Bias">[C] or null.</param>
/// <param name="Eps">Added to the variance.</param>
public sealed record LayerNorm(Param Weight, Param? Bias, float Eps) : INorm
{
    /// <inheritdoc/>
    public bool Trains => Weight.IsTrained || Bias is { IsTrained: true };

    /// <inheritdoc/>
    public Tensor Forward(StepScope scope, Tensor x) => Tensors.Ops.LayerNorm.Forward(scope, x, Weight.Value, Bias?.Value, Eps);
}
