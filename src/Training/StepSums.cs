using Lorikeet.Tensors;
using Lorikeet.Training.Objectives;

namespace Lorikeet.Training;

/// <summary>The sums of a step's loss terms, kept on the device until the step is over: reading one earlier would make the host wait for the device.</summary>
internal sealed class StepSums : IDisposable
{
    private readonly Tensor _values;
    private readonly int _terms;
    private readonly List<(int Slot, LossTerm Term, double Weight)> _added = [];

    /// <summary>Makes room for a step.</summary>
    /// <param name="parameters">Where it lives.</param>
    /// <param name="batches">Micro-batches of the step.</param>
    /// <param name="terms">Loss terms of each.</param>
    public StepSums(Parameters parameters, int batches, int terms)
    {
        _terms = terms;

        // The last value is the gradient norm.
        _values = parameters.New(new Shape((batches * terms) + 1), DType.F32, MemoryUse.Workspace);
    }

    /// <summary>Keeps a term of a micro-batch.</summary>
    /// <param name="batch">Number of the micro-batch.</param>
    /// <param name="index">Number of the term.</param>
    /// <param name="term">The term; its sum may be freed afterwards.</param>
    /// <param name="weight">What its sum counts in the step's loss, its coefficient left aside.</param>
    public void Add(int batch, int index, LossTerm term, double weight)
    {
        int slot = (batch * _terms) + index;
        _values.Device.Kernels.Copy(term.Sum, _values.Slice(slot, 1));
        _added.Add((slot, term, weight));
    }

    /// <summary>Waits for the step and reads everything at once.</summary>
    /// <param name="norm">[1]: the gradient norm.</param>
    public (double Loss, double Norm, SortedDictionary<string, double> Metrics) Read(Tensor norm)
    {
        _values.Device.Kernels.Copy(norm, _values.Slice((int)_values.Count - 1, 1));
        float[] values = _values.ToHost<float>();
        var metrics = new SortedDictionary<string, double>(StringComparer.Ordinal);
        double loss = 0;
        foreach (var batch in _added.GroupBy(a => a.Slot / _terms))
        {
            double part = 0;
            foreach ((int slot, LossTerm term, double weight) in batch)
            {
                double value = values[slot] * weight;
                metrics[term.Name] = metrics.GetValueOrDefault(term.Name) + value;
                part += term.Coefficient * value;
            }

            loss += part;
        }

        return (loss, values[^1], metrics);
    }

    /// <inheritdoc/>
    public void Dispose() => Parameters.Free(_values);
}
