namespace Lorikeet.Models.Families;

/// <summary>Sizes of a Qwen-VL model of the first generation.</summary>
public sealed record QwenVlConfig
{
    /// <summary>Tokens between the two image tags.</summary>
    public const int SlotTokens = 256;

    /// <summary>Rows of the tower's table of positions, whatever its grid.</summary>
    public const int TableRows = 256;

    /// <summary>Of the tower's norms.</summary>
    public const float VisionNormEps = 1e-6f;

    private const int ResamplerHeadWidth = 128;

    /// <summary>C.</summary>
    public required int Hidden { get; init; }

    /// <summary>L.</summary>
    public required int Layers { get; init; }

    /// <summary>H.</summary>
    public required int Heads { get; init; }

    /// <summary>F: <c>intermediate_size</c> counts gate and value together, this is one of them.</summary>
    public required int MlpWidth { get; init; }

    /// <summary>V.</summary>
    public required int Vocabulary { get; init; }

    /// <summary>Of the decoder's norms.</summary>
    public required float NormEps { get; init; }

    /// <summary>Whether layers other than the fused queries, keys and values have biases.</summary>
    public required bool Bias { get; init; }

    /// <summary>Base of the rotary angles.</summary>
    public required double RopeBase { get; init; }

    /// <summary>Length that the model was trained with (<c>seq_length</c>).</summary>
    public required int SequenceLength { get; init; }

    /// <summary>Whether longer sequences have slower angles (<c>use_dynamic_ntk</c>).</summary>
    public required bool UsesDynamicNtk { get; init; }

    /// <summary>Whether queries of later tokens are scaled (<c>use_logn_attn</c>).</summary>
    public required bool UsesLogN { get; init; }

    /// <summary>Id of the token before a picture; the one behind it and the padding of paths follow.</summary>
    public required int ImageStartId { get; init; }

    /// <summary>Edge of pictures in pixels.</summary>
    public required int ImageSize { get; init; }

    /// <summary>Edge of a patch in pixels.</summary>
    public required int PatchSize { get; init; }

    /// <summary>Columns of the tower.</summary>
    public required int Width { get; init; }

    /// <summary>Blocks of the tower.</summary>
    public required int VisionLayers { get; init; }

    /// <summary>Heads of the tower.</summary>
    public required int VisionHeads { get; init; }

    /// <summary>Width of the tower's MLPs.</summary>
    public required int VisionMlpWidth { get; init; }

    /// <summary>Features of a picture.</summary>
    public required int Queries { get; init; }

    /// <summary>D of the decoder.</summary>
    public int HeadWidth => Hidden / Heads;

    /// <summary>Heads of the resampler.</summary>
    public int ResamplerHeads => Hidden / ResamplerHeadWidth;

    /// <summary>Patches of a picture P.</summary>
    public int Patches => ImageSize / PatchSize * (ImageSize / PatchSize);

    /// <summary>Base of the angles for a sequence of a length, where a model is evaluated.</summary>
    public double RopeBaseFor(int length)
    {
        if (!UsesDynamicNtk || length <= SequenceLength)
        {
            return RopeBase;
        }

        double alpha = Math.Max(Math.Pow(2, Math.Ceiling(Math.Log2((double)length / SequenceLength) + 1)) - 1, 1);
        return RopeBase * Math.Pow(alpha, HeadWidth / (HeadWidth - 2.0));
    }

    /// <summary>Reads config.json.</summary>
    /// <exception cref="InvalidDataException">A key is missing or has an unusable value, or the model has no pictures.</exception>
    public static QwenVlConfig From(ConfigSection c)
    {
        ConfigSection v = c.TrySection("visual") ?? throw c.Wrong("visual", "an object: the vision tower. Language models of this type without one are not supported");
        int hidden = c.Int("hidden_size"), heads = c.Int("num_attention_heads"), width = v.Int("width"), visionHeads = v.Int("heads"), patch = v.Int("patch_size"), image = v.Int("image_size");
        if (heads < 1 || c.Int("kv_channels", 128) * heads != hidden)
        {
            throw c.Wrong("kv_channels", FormattableString.Invariant($"hidden_size / num_attention_heads ({hidden} / {heads})"));
        }

        if (v.Int("output_dim") != hidden || hidden % ResamplerHeadWidth != 0)
        {
            throw v.Wrong("output_dim", FormattableString.Invariant($"hidden_size ({hidden}), a multiple of {ResamplerHeadWidth}"));
        }

        if (visionHeads < 1 || width % visionHeads != 0)
        {
            throw v.Wrong("heads", FormattableString.Invariant($"a divisor of width ({width})"));
        }

        if (v.Int("n_queries", SlotTokens) != SlotTokens)
        {
            throw v.Wrong("n_queries", FormattableString.Invariant($"{SlotTokens}, the tokens that a picture has in the text"));
        }

        if (patch < 1 || image < patch || image % patch != 0)
        {
            throw v.Wrong("image_size", FormattableString.Invariant($"a multiple of patch_size ({patch})"));
        }

        if (c.Double("rotary_pct", 1) != 1)
        {
            throw c.Wrong("rotary_pct", "1; partly rotated heads are not supported");
        }

        int mlp = c.Int("intermediate_size");
        return new QwenVlConfig
        {
            Hidden = hidden,
            Layers = c.Int("num_hidden_layers"),
            Heads = heads,
            MlpWidth = mlp > 0 && mlp % 2 == 0 ? mlp / 2 : throw c.Wrong("intermediate_size", "an even number: gate and value together"),
            Vocabulary = c.Int("vocab_size"),
            NormEps = (float)c.Double("layer_norm_epsilon", 1e-6),
            Bias = !c.Bool("no_bias", true),
            RopeBase = c.Double("rotary_emb_base", 10000),
            SequenceLength = c.Int("seq_length", 2048),
            UsesDynamicNtk = c.Bool("use_dynamic_ntk", true),
            UsesLogN = c.Bool("use_logn_attn", true),
            ImageStartId = v.Int("image_start_id"),
            ImageSize = image,
            PatchSize = patch,
            Width = width,
            VisionLayers = v.Int("layers"),
            VisionHeads = visionHeads,
            VisionMlpWidth = (int)(width * v.Double("mlp_ratio", 4)),
            Queries = SlotTokens,
        };
    }
}
