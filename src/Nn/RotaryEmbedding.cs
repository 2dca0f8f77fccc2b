using System.Globalization;
using System.Text.Json;
using Lorikeet.Tensors;

namespace Lorikeet.Nn;

/// <summary>Angles of rotary position embeddings for given positions.</summary>
/// <remarks>
/// Source: transformers <c>modeling_rope_utils</c>: types default, linear and llama3; inverse frequencies and angles are f32,
/// as there. Known deviation: dynamic and yarn are refused by name until a family needs them.
/// </remarks>
public sealed class RotaryEmbedding
{
    private readonly float[] _inverseFrequencies;

    private RotaryEmbedding(float[] inverseFrequencies)
    {
        _inverseFrequencies = inverseFrequencies;
    }

    /// <summary>Half the head width: the number of angles per position.</summary>
    public int HalfWidth => _inverseFrequencies.Length;

    /// <summary>Inverse frequencies, f32.</summary>
    public IReadOnlyList<float> InverseFrequencies => _inverseFrequencies;

    /// <summary>Unscaled frequencies theta^(-2i/D).</summary>
    public static RotaryEmbedding Default(int headWidth, double theta)
    {
        float[] frequencies = new float[headWidth / 2];
        for (int i = 0; i < frequencies.Length; i++)
        {
            frequencies[i] = 1f / (float)Math.Pow(theta, (float)(2 * i) / headWidth);
        }

        return new RotaryEmbedding(frequencies);
    }

    /// <summary>Reads <c>rope_theta</c>, <c>rope_scaling</c> (transformers 4) or <c>rope_parameters</c> (5) of a text config.</summary>
    /// <param name="config">The text part of config.json.</param>
    /// <param name="headWidth">D.</param>
    /// <exception cref="InvalidDataException">A scaling type that is not supported, named.</exception>
    public static RotaryEmbedding FromConfig(JsonElement config, int headWidth)
    {
        JsonElement scaling = Object(config, "rope_parameters") ?? Object(config, "rope_scaling") ?? default;
        double theta = Number(scaling, "rope_theta") ?? Number(config, "rope_theta") ?? 10000.0;
        RotaryEmbedding plain = Default(headWidth, theta);
        string type = Text(scaling, "rope_type") ?? Text(scaling, "type") ?? "default";
        switch (type)
        {
            case "default":
            case "mrope":
                return plain;
            case "linear":
                float factor = (float)Required(scaling, "factor");
                return new RotaryEmbedding(Array.ConvertAll(plain._inverseFrequencies, f => f / factor));
            case "llama3":
                return plain.Llama3(scaling);
            default:
                throw new InvalidDataException($"config.json: rope type '{type}' is not supported (default, linear, llama3 are)");
        }
    }

    /// <summary>Cosines and sines [N, D/2] of one-dimensional positions.</summary>
    public (Tensor Cos, Tensor Sin) Angles(StepScope scope, ReadOnlySpan<int> positions)
    {
        int half = HalfWidth;
        float[] cos = new float[positions.Length * half], sin = new float[positions.Length * half];
        for (int n = 0; n < positions.Length; n++)
        {
            for (int i = 0; i < half; i++)
            {
                (double s, double c) = Math.SinCos(positions[n] * _inverseFrequencies[i]);
                cos[(n * half) + i] = (float)c;
                sin[(n * half) + i] = (float)s;
            }
        }

        var shape = new Shape(positions.Length, half);
        return (scope.From(cos, shape), scope.From(sin, shape));
    }

    /// <summary>Cosines and sines [N, D/2] of positions on several axes, each angle turning with one of them.</summary>
    /// <param name="scope">Owner of the result.</param>
    /// <param name="positions">Positions on each axis, each [N].</param>
    /// <param name="axisOf">The axis of each angle [D/2].</param>
    public (Tensor Cos, Tensor Sin) Angles(StepScope scope, IReadOnlyList<int[]> positions, IReadOnlyList<int> axisOf)
    {
        ArgumentNullException.ThrowIfNull(positions);
        ArgumentNullException.ThrowIfNull(axisOf);
        int half = HalfWidth, N = positions[0].Length;
        float[] cos = new float[N * half], sin = new float[N * half];
        for (int i = 0; i < half; i++)
        {
            int[] axis = positions[axisOf[i]];
            for (int n = 0; n < N; n++)
            {
                (double s, double c) = Math.SinCos(axis[n] * _inverseFrequencies[i]);
                cos[(n * half) + i] = (float)c;
                sin[(n * half) + i] = (float)s;
            }
        }

        var shape = new Shape(N, half);
        return (scope.From(cos, shape), scope.From(sin, shape));
    }

    /// <summary>The same frequencies once for each of two axes, one behind the other: D doubles.</summary>
    public RotaryEmbedding ForTwoAxes() => new([.. _inverseFrequencies, .. _inverseFrequencies]);

    /// <summary>The frequencies of even number, then those of odd number: halves of different frequencies for two axes.</summary>
    public RotaryEmbedding EvenThenOdd() =>
        new([.. _inverseFrequencies.Where((_, i) => i % 2 == 0), .. _inverseFrequencies.Where((_, i) => i % 2 == 1)]);

    private RotaryEmbedding Llama3(JsonElement scaling)
    {
        double factor = Required(scaling, "factor"), low = Required(scaling, "low_freq_factor"), high = Required(scaling, "high_freq_factor");
        double original = Required(scaling, "original_max_position_embeddings");
        return new RotaryEmbedding(Array.ConvertAll(_inverseFrequencies, f =>
        {
            double wavelength = 2 * Math.PI / f;
            if (wavelength < original / high)
            {
                return f;
            }

            if (wavelength > original / low)
            {
                return (float)(f / factor);
            }

            double smooth = ((original / wavelength) - low) / (high - low);
            return (float)(((1 - smooth) * f / factor) + (smooth * f));
        }));
    }

    private static JsonElement? Object(JsonElement config, string key) =>
        config.TryGetProperty(key, out JsonElement value) && value.ValueKind == JsonValueKind.Object ? value : null;

    private static double? Number(JsonElement config, string key) =>
        config.ValueKind == JsonValueKind.Object && config.TryGetProperty(key, out JsonElement value) && value.ValueKind == JsonValueKind.Number ? value.GetDouble() : null;

    private static string? Text(JsonElement config, string key) =>
        config.ValueKind == JsonValueKind.Object && config.TryGetProperty(key, out JsonElement value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;

    private static double Required(JsonElement scaling, string key) =>
        Number(scaling, key) ?? throw new InvalidDataException(string.Create(CultureInfo.InvariantCulture, $"config.json: the rope settings lack the number '{key}'"));
}
