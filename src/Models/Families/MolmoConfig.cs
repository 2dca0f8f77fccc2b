using Lorikeet.Models.Backbones;

namespace Lorikeet.Models.Families;

/// <summary>Sizes of a Molmo model.</summary>
public sealed record MolmoConfig
{
    /// <summary>Base of the rotary angles.</summary>
    public required double RopeTheta { get; init; }

    /// <summary>C.</summary>
    public required int Hidden { get; init; }

    /// <summary>L.</summary>
    public required int Layers { get; init; }

    /// <summary>H.</summary>
    public required int Heads { get; init; }

    /// <summary>K, dividing H.</summary>
    public required int KvHeads { get; init; }

    /// <summary>F: <c>intermediate_size</c> counts gate and value together, this is one of them.</summary>
    public required int MlpWidth { get; init; }

    /// <summary>Of the norms of the language model.</summary>
    public required float NormEps { get; init; }

    /// <summary>Whether queries, keys and values have biases.</summary>
    public required bool QkvBias { get; init; }

    /// <summary>Whether all queries of a token are normalised together, and all keys (<c>attention_layer_norm</c>).</summary>
    public required bool QkNorm { get; init; }

    /// <summary>Whether norms stand behind attention and MLP (<c>norm_after</c>).</summary>
    public required bool NormAfter { get; init; }

    /// <summary>Rows of the head and of the first table of embeddings (<c>embedding_size</c>).</summary>
    public required int Vocabulary { get; init; }

    /// <summary>Rows of the second table: tokens that are read but never produced.</summary>
    public required int AdditionalVocabulary { get; init; }

    /// <summary>The vision tower.</summary>
    public required SiglipConfig Vision { get; init; }

    /// <summary>Blocks of the tower behind which features are taken, in the order in which they stand side by side.</summary>
    public required IReadOnlyList<int> FeatureBlocks { get; init; }

    /// <summary>D of the language model.</summary>
    public int HeadWidth => Hidden / Heads;

    /// <summary>Patches per side of a crop.</summary>
    public int Side => Vision.GridSide;

    /// <summary>Patches of a crop P.</summary>
    public int Patches => Side * Side;

    /// <summary>Pooled features per side of a crop t.</summary>
    public int PooledSide => (Side + 1) / 2;

    /// <summary>Pooled features of a crop.</summary>
    public int Pooled => PooledSide * PooledSide;

    /// <summary>Columns of the features before pooling.</summary>
    public int FeatureWidth => Vision.Hidden * FeatureBlocks.Count;

    /// <summary>Id of the token that a feature is added to: the third of the second table.</summary>
    public int PatchTokenId => Vocabulary + 2;

    /// <summary>Reads config.json; what published files leave out has the constants of the published models.</summary>
    /// <exception cref="InvalidDataException">A key is missing or has an unusable value.</exception>
    public static MolmoConfig From(ConfigSection c)
    {
        int hidden = c.Int("hidden_size"), heads = c.Int("num_attention_heads"), kvHeads = c.Int("num_key_value_heads", heads);
        if (heads < 1 || hidden % heads != 0 || hidden / heads % 2 != 0)
        {
            throw c.Wrong("num_attention_heads", FormattableString.Invariant($"a number that makes heads of an even width out of hidden_size ({hidden})"));
        }

        if (kvHeads < 1 || heads % kvHeads != 0)
        {
            throw c.Wrong("num_key_value_heads", FormattableString.Invariant($"a divisor of num_attention_heads ({heads})"));
        }

        RequireUsual(c);
        SiglipConfig vision = VisionOf(c);
        int width = c.Int("intermediate_size");
        return new MolmoConfig
        {
            RopeTheta = c.Double("rope_theta", 10000),
            Hidden = hidden,
            Layers = c.Int("num_hidden_layers"),
            Heads = heads,
            KvHeads = kvHeads,
            MlpWidth = width > 0 && width % 2 == 0 ? width / 2 : throw c.Wrong("intermediate_size", "an even number: gate and value together"),
            NormEps = (float)c.Double("layer_norm_eps", 1e-5),
            QkvBias = c.Bool("qkv_bias", false),
            QkNorm = c.Bool("attention_layer_norm", false),
            NormAfter = c.Bool("norm_after", false),
            Vocabulary = c.Int("embedding_size", c.Int("vocab_size")),
            AdditionalVocabulary = c.Int("additional_vocab_size", 128),
            Vision = vision,
            FeatureBlocks = [.. (c.TryInts("vit_layers") ?? [-2, -9]).Select(layer => Block(c, layer, vision.Layers))],
        };
    }

    private static void RequireUsual(ConfigSection c)
    {
        if ((c.TryString("layer_norm_type") ?? "rms") != "rms")
        {
            throw c.Wrong("layer_norm_type", "rms");
        }

        if (c.Has("clip_qkv"))
        {
            throw c.Wrong("clip_qkv", "null; clipped queries, keys and values are not supported");
        }

        if (c.Bool("weight_tying", c.Bool("tie_word_embeddings", false)))
        {
            throw c.Wrong(c.Has("weight_tying") ? "weight_tying" : "tie_word_embeddings", "false; a tied head is not supported");
        }
    }

    private static SiglipConfig VisionOf(ConfigSection c)
    {
        ConfigSection v = c.TrySection("vision_backbone") ?? ConfigSection.From(c.File, System.Text.Json.JsonSerializer.SerializeToElement(new object()));
        int width = v.Int("image_emb_dim", 1024), heads = v.Int("image_num_heads", 16), patch = v.Int("image_patch_size", 14);
        IReadOnlyList<int> size = v.TryInts("image_default_input_size") ?? [336, 336];
        if (size.Count != 2 || size[0] != size[1] || patch < 1 || size[0] < patch || size[0] % patch != 0)
        {
            throw v.Wrong("image_default_input_size", FormattableString.Invariant($"a square whose edge is a multiple of image_patch_size ({patch})"));
        }

        int rows = (size[0] / patch * (size[0] / patch)) + 1;
        if (v.Int("image_num_pos", 577) != rows)
        {
            throw v.Wrong("image_num_pos", FormattableString.Invariant($"{rows}: one place for each patch and one for the class token"));
        }

        if (heads < 1 || v.Int("image_head_dim", 64) * heads != width || v.Int("image_num_key_value_heads", heads) != heads)
        {
            throw v.Wrong("image_num_heads", FormattableString.Invariant($"heads that make up image_emb_dim ({width}), as many of keys as of queries"));
        }

        return new SiglipConfig(
            width,
            v.Int("image_num_layers", 23),
            heads,
            v.Int("image_mlp_dim", 4096),
            (float)v.Double("image_norm_eps", 1e-5),
            Activations.Named(v, "image_mlp_activations", "quick_gelu"),
            patch,
            size[0],
            3);
    }

    /// <summary>Blocks to run for a layer; unlike transformers' hidden states, the list of layers has no entry for the embeddings.</summary>
    private static int Block(ConfigSection c, int layer, int layers)
    {
        int blocks = layer < 0 ? layers + layer + 1 : layer + 1;
        return blocks >= 1 && blocks <= layers ? blocks : throw c.Wrong("vit_layers", FormattableString.Invariant($"layers from {-layers} to {layers - 1}"));
    }
}
