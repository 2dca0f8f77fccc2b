using Lorikeet.Tensors;
using Lorikeet.Tensors.Planning;

namespace Lorikeet.Nn.Weights;

/// <summary>Weights that nobody has yet: shapes alone, taken to be files that a device maps. For planning.</summary>
public sealed class AbsentWeights : IWeightSource
{
    private readonly Parameters _parameters;
    private readonly DType _stored;
    private readonly bool _tied;

    /// <summary>Makes the source.</summary>
    /// <param name="parameters">On a <see cref="DryDevice"/>: no other can read what isn't there.</param>
    /// <param name="stored">Element type that the files would have.</param>
    /// <param name="tied">Whether the head shares the embedding.</param>
    public AbsentWeights(Parameters parameters, DType stored, bool tied)
    {
        if (parameters.Device is not DryDevice)
        {
            throw new ArgumentException($"weights that are absent can stand on a dry device only, not on {parameters.Device.Name}", nameof(parameters));
        }

        _parameters = parameters;
        _stored = stored;
        _tied = tied;
    }

    /// <inheritdoc/>
    public bool Contains(string name) => RandomWeights.IsStored(name, _tied);

    /// <inheritdoc/>
    public Tensor Read(string name, Shape shape) => _parameters.FromMapped(0, shape, _stored);
}
