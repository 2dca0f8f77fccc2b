using System.Text.Json;
using Lorikeet.Tensors;

namespace Lorikeet.Nn;

/// <summary>
/// Cosines and sines of rotary position embeddings. With the types <c>dynamic</c> and <c>longrope</c> the frequencies depend on how long
/// a sequence is: its largest position plus one.
/// </summary>
/// <remarks>
/// Source: transformers <c>modeling_rope_utils</c>: types default, linear, dynamic, yarn, longrope and llama3; inverse frequencies and
/// angles are f32, as there. Known deviation: the length is each sequence's own; in the reference the longest of the batch decides for
/// all, and <c>dynamic</c> keeps the frequencies of a longer earlier call.
/// </remarks>
public sealed class RotaryEmbedding
{
    private readonly float[] _inverseFrequencies;
    private readonly Func<int, float[]>? _ofLength;

    /// <summary>Wraps frequencies.</summary>
    /// <param name="inverseFrequencies">Those of short sequences.</param>
    /// <param name="scale">Factor of cosines and sines.</param>
    /// <param name="ofLength">Those of a sequence of some tokens, where they depend on it.</param>
    internal RotaryEmbedding(float[] inverseFrequencies, double scale = 1, Func<int, float[]>? ofLength = null)
    {
        _inverseFrequencies = inverseFrequencies;
        _ofLength = ofLength;
        Scale = (float)scale;
    }

    /// <summary>The number of angles per position: half of what rotates of a head.</summary>
    public int HalfWidth => _inverseFrequencies.Length;

    /// <summary>Inverse frequencies, f32; of short sequences where they depend on the length.</summary>
    public IReadOnlyList<float> InverseFrequencies => _inverseFrequencies;

    /// <summary>Factor of cosines and sines: the square root of what it does to scores (yarn, longrope).</summary>
    public float Scale { get; }

    /// <summary>
    /// The length beyond which a sequence has other frequencies from its first token on (longrope), or null: keys computed before are of
    /// no use then.
    /// </summary>
    public int? SwitchLength { get; init; }

    /// <summary>Unscaled frequencies theta^(-2i/D).</summary>
    public static RotaryEmbedding Default(int headWidth, double theta) => new(RotaryScaling.Plain(headWidth, theta));

    /// <summary>
    /// Reads <c>rope_theta</c>, <c>partial_rotary_factor</c>, <c>rope_scaling</c> (transformers 4) or <c>rope_parameters</c> (5) of a text
    /// config.
    /// </summary>
    /// <param name="config">The text part of config.json.</param>
    /// <param name="headWidth">D.</param>
    /// <exception cref="InvalidDataException">A scaling type that is not supported, named; or a number that is missing or unusable.</exception>
    public static RotaryEmbedding FromConfig(JsonElement config, int headWidth) => new RotaryScaling(config, headWidth).Read();

    /// <summary>Frequencies of a sequence.</summary>
    /// <param name="length">Its tokens: the largest position plus one.</param>
    public IReadOnlyList<float> FrequenciesOf(int length) => _ofLength?.Invoke(length) ?? _inverseFrequencies;

    /// <summary>Cosines and sines [N, D/2] of one-dimensional positions.</summary>
    /// <param name="scope">Owner of the result.</param>
    /// <param name="positions">Positions [N].</param>
    /// <param name="counts">How many of them belong to each sequence, in order.</param>
    public (Tensor Cos, Tensor Sin) Angles(StepScope scope, int[] positions, ReadOnlySpan<int> counts) => Angles(scope, [positions], new int[HalfWidth], counts);

    /// <summary>Cosines and sines [N, D/2] of positions on several axes, each angle turning with one of them.</summary>
    /// <param name="scope">Owner of the result.</param>
    /// <param name="positions">Positions on each axis, each [N].</param>
    /// <param name="axisOf">The axis of each angle [D/2].</param>
    /// <param name="counts">How many of them belong to each sequence, in order.</param>
    public (Tensor Cos, Tensor Sin) Angles(StepScope scope, IReadOnlyList<int[]> positions, IReadOnlyList<int> axisOf, ReadOnlySpan<int> counts)
    {
        ArgumentNullException.ThrowIfNull(positions);
        ArgumentNullException.ThrowIfNull(axisOf);
        int half = HalfWidth, N = positions[0].Length, start = 0;
        float[] cos = new float[N * half], sin = new float[N * half];
        foreach (int count in counts)
        {
            int first = start, end = start + count;
            float[] frequencies = _ofLength is null || count == 0 ? _inverseFrequencies : _ofLength(1 + positions.Max(axis => axis.Skip(first).Take(count).Max()));
            for (int i = 0; i < half; i++)
            {
                int[] axis = positions[axisOf[i]];
                float frequency = frequencies[i];
                for (int n = start; n < end; n++)
                {
                    (double s, double c) = Math.SinCos(axis[n] * frequency);
                    cos[(n * half) + i] = (float)c * Scale;
                    sin[(n * half) + i] = (float)s * Scale;
                }
            }

            start = end;
        }

        if (start != N)
        {
            throw new ArgumentException(FormattableString.Invariant($"rotary positions: {N} of them, but sequences with {start}"));
        }

        var shape = new Shape(N, half);
        return (scope.From(cos, shape), scope.From(sin, shape));
    }

    /// <summary>The same frequencies once for each of two axes, one behind the other: D doubles.</summary>
    public RotaryEmbedding ForTwoAxes() => new([.. _inverseFrequencies, .. _inverseFrequencies]);

    /// <summary>The frequencies of even number, then those of odd number: halves of different frequencies for two axes.</summary>
    public RotaryEmbedding EvenThenOdd() =>
        new([.. _inverseFrequencies.Where((_, i) => i % 2 == 0), .. _inverseFrequencies.Where((_, i) => i % 2 == 1)]);
}
