using Lorikeet.Nn;
using Lorikeet.Tensors;

namespace Lorikeet.Models.Backbones;

/// <summary>Sizes and variants of a <see cref="Decoder"/>.</summary>
public sealed record DecoderConfig
{
    private static readonly Dictionary<string, Func<DecoderConfig, ConfigSection, DecoderConfig>> Variants = new(StringComparer.Ordinal)
    {
        ["llama"] = (c, j) => c with { QkvBias = j.Bool("attention_bias", false), OutputBias = j.Bool("attention_bias", false), MlpBias = j.Bool("mlp_bias", false) },
        ["mistral"] = (c, j) => c with { Windows = EqualWindows(c, j) },
        ["qwen2"] = (c, j) => c with { QkvBias = true, Windows = LaterWindows(c, j) },
        ["qwen3"] = (c, j) => c with
        {
            QkNorm = true,
            QkvBias = j.Bool("attention_bias", false),
            OutputBias = j.Bool("attention_bias", false),
            Windows = LaterWindows(c, j),
        },
        ["phi3"] = (c, j) => c with { FusedProjections = true, Windows = EqualWindows(c, j) },
    };

    /// <summary>C.</summary>
    public required int Hidden { get; init; }

    /// <summary>L.</summary>
    public required int Layers { get; init; }

    /// <summary>H.</summary>
    public required int Heads { get; init; }

    /// <summary>K, dividing H.</summary>
    public required int KvHeads { get; init; }

    /// <summary>D.</summary>
    public required int HeadWidth { get; init; }

    /// <summary>F.</summary>
    public required int MlpWidth { get; init; }

    /// <summary>V, rows of the embedding.</summary>
    public required int VocabularySize { get; init; }

    /// <summary>Of the norms.</summary>
    public required float NormEps { get; init; }

    /// <summary>Of the gate.</summary>
    public required ActivationKind Activation { get; init; }

    /// <summary>Angles.</summary>
    public required RotaryEmbedding Rotary { get; init; }

    /// <summary>Whether queries, keys and values have biases.</summary>
    public bool QkvBias { get; init; }

    /// <summary>Whether the attention's output has a bias.</summary>
    public bool OutputBias { get; init; }

    /// <summary>Whether the MLP has biases.</summary>
    public bool MlpBias { get; init; }

    /// <summary>Whether queries and keys are normalised per head.</summary>
    public bool QkNorm { get; init; }

    /// <summary>Whether queries, keys and values are one matrix, and gate and up another.</summary>
    public bool FusedProjections { get; init; }

    /// <summary>Per layer: tokens that a token sees, itself included, or null for all before it; empty where no layer has a window.</summary>
    public IReadOnlyList<int?> Windows { get; init; } = [];

    /// <summary>Model types of text configs that can be read.</summary>
    public static IReadOnlyCollection<string> ModelTypes => Variants.Keys;

    /// <summary>Reads a text config; its <c>model_type</c> tells the variant.</summary>
    /// <param name="c">The text part of config.json.</param>
    /// <param name="variant">The variant, whatever <c>model_type</c> says; null to follow it.</param>
    /// <exception cref="InvalidDataException">A key is missing or unusable, or the model type is unknown.</exception>
    public static DecoderConfig From(ConfigSection c, string? variant = null)
    {
        string type = variant ?? c.TryString("model_type") ?? "llama";
        if (!Variants.TryGetValue(type, out Func<DecoderConfig, ConfigSection, DecoderConfig>? read))
        {
            throw c.Wrong("model_type", "one of " + string.Join(", ", Variants.Keys));
        }

        c = DecoderDefaults.Fill(c, type);
        int hidden = c.Int("hidden_size"), heads = c.Int("num_attention_heads");
        int width = c.Int("head_dim", heads == 0 ? 0 : hidden / heads), kvHeads = c.Int("num_key_value_heads", heads);
        if (heads < 1 || kvHeads < 1 || heads % kvHeads != 0)
        {
            throw c.Wrong("num_key_value_heads", FormattableString.Invariant($"a divisor of num_attention_heads ({heads})"));
        }

        var rotary = RotaryEmbedding.FromConfig(c.Json, width);
        if (2 * rotary.HalfWidth != width && type != "phi3")
        {
            throw c.Wrong("partial_rotary_factor", "1: only Phi-3 rotates a part of a head");
        }

        return read(
            new DecoderConfig
            {
                Hidden = hidden,
                Layers = c.Int("num_hidden_layers"),
                Heads = heads,
                KvHeads = kvHeads,
                HeadWidth = width,
                MlpWidth = c.Int("intermediate_size"),
                VocabularySize = c.Int("vocab_size"),
                NormEps = (float)c.Double("rms_norm_eps", 1e-6),
                Activation = Activations.Named(c, "hidden_act", "silu"),
                Rotary = rotary,
            },
            c);
    }

    /// <summary>One window for all layers.</summary>
    private static IReadOnlyList<int?> EqualWindows(DecoderConfig d, ConfigSection c) =>
        Window(c) is { } window ? [.. Enumerable.Repeat<int?>(window, d.Layers)] : [];

    /// <summary>A window for the layers that <c>layer_types</c> names, without it for those from <c>max_window_layers</c> on, if windows are used at all.</summary>
    private static IReadOnlyList<int?> LaterWindows(DecoderConfig d, ConfigSection c)
    {
        if (!c.Bool("use_sliding_window", false) || Window(c) is not { } window)
        {
            return [];
        }

        int first = c.Int("max_window_layers");
        IReadOnlyList<string> types = c.TryStrings("layer_types") ?? [.. Enumerable.Range(0, d.Layers).Select(i => i < first ? "full_attention" : "sliding_attention")];
        return types.Count == d.Layers && types.All(t => t is "full_attention" or "sliding_attention")
            ? [.. types.Select(t => t == "sliding_attention" ? window : (int?)null)]
            : throw c.Wrong("layer_types", FormattableString.Invariant($"full_attention or sliding_attention for each of {d.Layers} layers"));
    }

    private static int? Window(ConfigSection c) =>
        c.TryInt("sliding_window") is { } window and < 1 ? throw c.Wrong("sliding_window", "a number of tokens from 1, or null for none") : c.TryInt("sliding_window");
}
