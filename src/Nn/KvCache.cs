using Lorikeet.Tensors;

namespace Lorikeet.Nn;

/// <summary>Keys and values of earlier tokens, per layer, for a number of sequences of bounded length.</summary>
public class KvCache : IDisposable
{
    private readonly Tensor[] _keys;
    private readonly Tensor[] _values;
    private readonly int[] _lengths;
    private readonly int[] _shifts;
    private readonly int[] _first;

    /// <summary>Reserves a cache.</summary>
    /// <param name="parameters">Where it lives.</param>
    /// <param name="layers">L.</param>
    /// <param name="sequences">B.</param>
    /// <param name="capacity">Tokens per sequence.</param>
    /// <param name="heads">K heads of width D.</param>
    /// <param name="inputWidth">C where the inputs of the layers are kept as well, or 0.</param>
    public KvCache(Parameters parameters, int layers, int sequences, int capacity, (int Count, int Width) heads, int inputWidth = 0)
    {
        Capacity = capacity;
        _lengths = new int[sequences];
        _shifts = new int[sequences];
        _first = new int[sequences];
        var shape = new Shape(sequences * capacity, heads.Count, heads.Width);
        _keys = new Tensor[layers];
        _values = new Tensor[layers];
        for (int i = 0; i < layers; i++)
        {
            _keys[i] = parameters.New(shape, parameters.ActivationType, MemoryUse.Activations);
            _values[i] = parameters.New(shape, parameters.ActivationType, MemoryUse.Activations);
        }

        Inputs = inputWidth == 0 ? null : parameters.New(new Shape(sequences * capacity, inputWidth), parameters.ActivationType, MemoryUse.Activations);
    }

    /// <summary>Inputs of the first layer [B * Capacity, C], where they are kept: they allow to compute a sequence once more.</summary>
    public Tensor? Inputs { get; }

    /// <summary>Tokens a sequence can hold.</summary>
    public int Capacity { get; }

    /// <summary>Number of sequences B.</summary>
    public int Sequences => _lengths.Length;

    /// <summary>Tokens held of one sequence.</summary>
    public int Length(int sequence) => _lengths[sequence];

    /// <summary>Tokens that a sequence began with: its prompt. Of no meaning while nothing is held.</summary>
    public int FirstLength(int sequence) => _first[sequence];

    /// <summary>What is added to a token's number for its position, where pictures take fewer positions than tokens.</summary>
    public int Shift(int sequence) => _shifts[sequence];

    /// <summary>Sets what <see cref="Shift"/> returns.</summary>
    public void SetShift(int sequence, int shift) => _shifts[sequence] = shift;

    /// <summary>All keys of a layer [B * Capacity, K, D].</summary>
    public Tensor Keys(int layer) => _keys[layer];

    /// <summary>All values of a layer [B * Capacity, K, D].</summary>
    public Tensor Values(int layer) => _values[layer];

    /// <summary>Where the next tokens go and what they may see.</summary>
    /// <param name="counts">New tokens per sequence, consecutive in the input.</param>
    /// <returns>The cache rows of the new tokens, and causal segments over the cache.</returns>
    public (int[] Rows, AttentionSegments Segments) Reserve(ReadOnlySpan<int> counts)
    {
        var rows = new List<int>();
        var segments = new AttentionSegment[counts.Length];
        int query = 0;
        for (int b = 0; b < counts.Length; b++)
        {
            if (_lengths[b] + counts[b] > Capacity)
            {
                throw new InvalidOperationException($"cache: sequence {b} holds {_lengths[b]} tokens, {counts[b]} more exceed its capacity of {Capacity}");
            }

            for (int i = 0; i < counts[b]; i++)
            {
                rows.Add((b * Capacity) + _lengths[b] + i);
            }

            _first[b] = _first[b] == 0 ? counts[b] : _first[b];
            segments[b] = new AttentionSegment(query, counts[b], b * Capacity, _lengths[b] + counts[b]);
            query += counts[b];
            _lengths[b] += counts[b];
        }

        return ([.. rows], new AttentionSegments(segments, causal: true));
    }

    /// <summary>Keeps the inputs of tokens that <see cref="Reserve"/> will make room for.</summary>
    /// <param name="scope">The running step.</param>
    /// <param name="x">[N, C].</param>
    /// <param name="counts">New tokens per sequence, consecutive in the input.</param>
    public void KeepInputs(StepScope scope, Tensor x, IReadOnlyList<int> counts)
    {
        int[] rows = [.. counts.SelectMany((count, b) => Enumerable.Range((b * Capacity) + _lengths[b], count))];
        scope.Kernels.ScatterRows(x, scope.From(rows), Inputs ?? throw new InvalidOperationException("cache: inputs are not kept"));
    }

    /// <summary>Lets a sequence begin again: its tokens will be written once more.</summary>
    public void Rewind(int sequence) => _lengths[sequence] = 0;

    /// <summary>Writes the keys and values of new tokens of one layer.</summary>
    /// <param name="scope">The running step.</param>
    /// <param name="layer">Layer index.</param>
    /// <param name="rows">I32 [N], from <see cref="Reserve"/>.</param>
    /// <param name="k">[N, K, D].</param>
    /// <param name="v">[N, K, D].</param>
    public void Write(StepScope scope, int layer, Tensor rows, Tensor k, Tensor v)
    {
        var flat = new Shape(k.Shape[0], k.Shape[1] * k.Shape[2]);
        var cache = new Shape(_keys[layer].Shape[0], flat[1]);
        scope.Kernels.ScatterRows(k.View(flat), rows, _keys[layer].View(cache));
        scope.Kernels.ScatterRows(v.View(flat), rows, _values[layer].View(cache));
    }

    /// <summary>Forgets everything.</summary>
    public void Clear()
    {
        for (int b = 0; b < Sequences; b++)
        {
            Clear(b);
        }
    }

    /// <summary>Forgets one sequence; its place can take another.</summary>
    public virtual void Clear(int sequence) => _lengths[sequence] = _shifts[sequence] = _first[sequence] = 0;

    /// <inheritdoc/>
    public void Dispose()
    {
        Dispose(true);
        GC.SuppressFinalize(this);
    }

    /// <summary>Frees the tensors.</summary>
    protected virtual void Dispose(bool disposing)
    {
        foreach (Tensor tensor in _keys.Concat(_values).Concat(Inputs is null ? [] : [Inputs]))
        {
            Parameters.Free(tensor);
        }
    }
}
