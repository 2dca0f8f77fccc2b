using System.Globalization;
using System.Text.Json;

namespace Lorikeet.Nn;

/// <summary>Reads the rope settings of a text config, in the spelling of transformers 4 or 5.</summary>
internal sealed class RotaryScaling
{
    private readonly JsonElement _config;
    private readonly JsonElement _settings;
    private readonly int _width;
    private readonly double _theta;

    /// <summary>Finds the settings.</summary>
    /// <param name="config">The text part of config.json.</param>
    /// <param name="headWidth">D.</param>
    public RotaryScaling(JsonElement config, int headWidth)
    {
        _config = config;
        _settings = Object("rope_scaling") ?? Object("rope_parameters") ?? default;
        _theta = Setting("rope_theta") ?? Number(config, "rope_theta") ?? 10000.0;
        _width = (int)(headWidth * (Setting("partial_rotary_factor") ?? Number(config, "partial_rotary_factor") ?? 1));
        if (_width < 2 || _width > headWidth || _width % 2 != 0)
        {
            throw Wrong("partial_rotary_factor", $"a part of a head that is an even number of elements from 2 to {headWidth}, and it makes {_width}");
        }
    }

    /// <summary>Frequencies theta^(-2i/D), f32.</summary>
    public static float[] Plain(int width, double theta)
    {
        float[] frequencies = new float[width / 2];
        for (int i = 0; i < frequencies.Length; i++)
        {
            frequencies[i] = 1f / Turn(width, theta, i);
        }

        return frequencies;
    }

    /// <summary>The embedding that the settings ask for.</summary>
    public RotaryEmbedding Read()
    {
        string type = Text("rope_type") ?? Text("type") ?? "default";
        return type switch
        {
            "default" or "mrope" => new RotaryEmbedding(Plain(_width, _theta)),
            "linear" => Linear(),
            "dynamic" => Dynamic(),
            "llama3" => Llama3(),

            // Early Phi-3 files say "su" or "yarn" for what is longrope.
            "longrope" or "su" => LongRope(),
            "yarn" => _settings.TryGetProperty("short_factor", out _) ? LongRope() : Yarn(),
            _ => throw new InvalidDataException($"config.json: rope type '{type}' is not supported (default, linear, dynamic, yarn, longrope, llama3 are)"),
        };
    }

    private RotaryEmbedding Linear()
    {
        float factor = (float)Positive("factor");
        return new RotaryEmbedding(Array.ConvertAll(Plain(_width, _theta), f => f / factor));
    }

    /// <summary>NTK-aware: beyond the length of training the base grows with the length of the sequence.</summary>
    private RotaryEmbedding Dynamic()
    {
        double factor = Positive("factor"), most = MostPositions();
        if (_width < 4)
        {
            throw Wrong("type", "another than dynamic for heads of 2 elements");
        }

        float[] Of(int length) =>
            Plain(_width, _theta * Math.Pow((factor * Math.Max(length, most) / most) - (factor - 1), _width / (_width - 2.0)));
        return new RotaryEmbedding(Plain(_width, _theta), ofLength: Of);
    }

    /// <summary>Slow angles are divided by the factor, fast ones kept, those between mixed. Source: Peng et al. 2023, "YaRN".</summary>
    private RotaryEmbedding Yarn()
    {
        double original = OriginalPositions(), factor = Setting("factor") ?? (MostPositions() / original);
        double low = TurningDimension(NonZero("beta_fast", 32), original), high = TurningDimension(NonZero("beta_slow", 1), original);
        if (!_settings.TryGetProperty("truncate", out JsonElement truncate) || truncate.ValueKind != JsonValueKind.False)
        {
            (low, high) = (Math.Floor(low), Math.Ceiling(high));
        }

        (low, high) = (Math.Max(low, 0), Math.Min(high, _width - 1));
        high += low == high ? 0.001 : 0;
        float[] frequencies = new float[_width / 2];
        for (int i = 0; i < frequencies.Length; i++)
        {
            float turn = Turn(_width, _theta, i), slow = (float)Math.Clamp((i - low) / (high - low), 0, 1), kept = 1 - slow;
            frequencies[i] = ((float)(1 / (factor * turn)) * (1 - kept)) + (1 / turn * kept);
        }

        return new RotaryEmbedding(frequencies, Setting("attention_factor") ?? YarnScale(factor));
    }

    private double YarnScale(double factor)
    {
        double Of(double m) => factor <= 1 ? 1 : (0.1 * m * Math.Log(factor)) + 1;
        return Setting("mscale") is { } mscale and not 0 && Setting("mscale_all_dim") is { } all and not 0 ? Of(mscale) / Of(all) : Of(1);
    }

    /// <summary>The dimension that turns a number of times over the length of training.</summary>
    private double TurningDimension(double turns, double original) => _width * Math.Log(original / (turns * 2 * Math.PI)) / (2 * Math.Log(_theta));

    /// <summary>One list of factors for sequences up to the length of training, another beyond. Source: Ding et al. 2024, "LongRoPE".</summary>
    private RotaryEmbedding LongRope()
    {
        double original = OriginalPositions(), factor = Setting("factor") ?? (MostPositions() / original);
        double scale = Setting("attention_factor") ?? (factor <= 1 ? 1 : Math.Sqrt(1 + (Math.Log(factor) / Math.Log(original))));
        float[] brief = Divided(Factors("short_factor")), extended = Divided(Factors("long_factor"));
        return new RotaryEmbedding(brief, scale, length => length > original ? extended : brief) { SwitchLength = (int)original };
    }

    private float[] Divided(float[] factors)
    {
        float[] frequencies = new float[_width / 2];
        for (int i = 0; i < frequencies.Length; i++)
        {
            frequencies[i] = 1f / (factors[i] * Turn(_width, _theta, i));
        }

        return frequencies;
    }

    private float[] Factors(string key)
    {
        if (!_settings.TryGetProperty(key, out JsonElement list) || list.ValueKind != JsonValueKind.Array || list.GetArrayLength() != _width / 2
            || list.EnumerateArray().Any(x => x.ValueKind != JsonValueKind.Number || !(x.GetDouble() > 0)))
        {
            throw Wrong(key, string.Create(CultureInfo.InvariantCulture, $"a list of {_width / 2} positive numbers, one for each angle"));
        }

        return [.. list.EnumerateArray().Select(x => (float)x.GetDouble())];
    }

    private RotaryEmbedding Llama3()
    {
        double factor = Positive("factor"), low = Positive("low_freq_factor"), high = Positive("high_freq_factor"), original = OriginalPositions();
        return new RotaryEmbedding(Array.ConvertAll(Plain(_width, _theta), f =>
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

    /// <summary>theta^(2i/D), f32.</summary>
    private static float Turn(int width, double theta, int i) => (float)Math.Pow(theta, (float)(2 * i) / width);

    /// <summary>Positions of the model's first training: beside the settings (Phi-3), among them, or all.</summary>
    private double OriginalPositions()
    {
        double original = Number(_config, "original_max_position_embeddings") ?? Setting("original_max_position_embeddings") ?? MostPositions();
        return original > 1 ? original : throw Wrong("original_max_position_embeddings", "a number above 1");
    }

    private double MostPositions() => Number(_config, "max_position_embeddings") is { } most and >= 1
        ? most
        : throw Wrong("max_position_embeddings", "a number from 1");

    private double NonZero(string key, double otherwise) => Setting(key) is { } value and not 0 ? value : otherwise;

    private double Positive(string key) => Setting(key) is { } value and > 0
        ? value
        : throw Wrong(key, "a positive number");

    private double? Setting(string key) => Number(_settings, key);

    private string? Text(string key) =>
        _settings.ValueKind == JsonValueKind.Object && _settings.TryGetProperty(key, out JsonElement value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;

    private JsonElement? Object(string key) =>
        _config.TryGetProperty(key, out JsonElement value) && value.ValueKind == JsonValueKind.Object ? value : null;

    private static double? Number(JsonElement config, string key) =>
        config.ValueKind == JsonValueKind.Object && config.TryGetProperty(key, out JsonElement value) && value.ValueKind == JsonValueKind.Number ? value.GetDouble() : null;

    private static InvalidDataException Wrong(string key, string expected) =>
        new($"config.json: the rope settings need '{key}' to be {expected}");
}
