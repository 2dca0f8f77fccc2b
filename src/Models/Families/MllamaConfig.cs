using Lorikeet.Models.Backbones;
using Lorikeet.Tensors;

namespace Lorikeet.Models.Families;

/// <summary>Sizes of a Llama-3.2-Vision model.</summary>
public sealed record MllamaConfig
{
    /// <summary>Rows of the embedding beyond the vocabulary: <c>&lt;|image|&gt;</c> and seven that nothing uses.</summary>
    public const int ExtraEmbeddings = 8;

    /// <summary>The tower.</summary>
    public required MllamaVisionConfig Vision { get; init; }

    /// <summary>The decoder; <see cref="DecoderConfig.Layers"/> counts both kinds of layers.</summary>
    public required DecoderConfig Text { get; init; }

    /// <summary>Layers that attend to pictures.</summary>
    public required IReadOnlySet<int> CrossLayers { get; init; }

    /// <summary>Token at which a picture stands.</summary>
    public required int ImageTokenId { get; init; }

    /// <summary>Reads config.json.</summary>
    /// <exception cref="InvalidDataException">A key is missing or has an unusable value.</exception>
    public static MllamaConfig From(ConfigSection c)
    {
        ConfigSection text = c.Section("text_config");
        if (c.TryBool("tie_word_embeddings") ?? text.Bool("tie_word_embeddings", false))
        {
            throw text.Wrong("tie_word_embeddings", "false: the embedding has more rows than the head");
        }

        DecoderConfig decoder = DecoderConfig.From(text, "llama");
        if (decoder.Rotary.SwitchLength is not null)
        {
            throw text.Wrong("rope_scaling", "of another type than longrope");
        }

        IReadOnlyList<int> cross = DecoderDefaults.Fill(text, "llama").TryInts("cross_attention_layers") ?? throw text.Wrong("cross_attention_layers", "a list of layer numbers");
        return cross.All(i => i >= 0 && i < decoder.Layers)
            ? new MllamaConfig
            {
                Vision = MllamaVisionConfig.From(c.Section("vision_config")),
                Text = decoder,
                CrossLayers = cross.ToHashSet(),
                ImageTokenId = c.TryInt("image_token_id") ?? c.Int("image_token_index", 128256),
            }
            : throw text.Wrong("cross_attention_layers", FormattableString.Invariant($"numbers from 0 to {decoder.Layers - 1}"));
    }
}

/// <summary>Sizes of the vision tower of Llama-3.2-Vision.</summary>
public sealed record MllamaVisionConfig
{
    /// <summary>C.</summary>
    public required int Hidden { get; init; }

    /// <summary>Layers before the gated ones.</summary>
    public required int Layers { get; init; }

    /// <summary>Gated layers at the end.</summary>
    public required int GlobalLayers { get; init; }

    /// <summary>H, dividing C.</summary>
    public required int Heads { get; init; }

    /// <summary>F.</summary>
    public required int MlpWidth { get; init; }

    /// <summary>Of the layers' norms.</summary>
    public required float NormEps { get; init; }

    /// <summary>Of the MLP.</summary>
    public required ActivationKind Activation { get; init; }

    /// <summary>Edge of a tile in pixels.</summary>
    public required int ImageSize { get; init; }

    /// <summary>Edge of a patch in pixels.</summary>
    public required int PatchSize { get; init; }

    /// <summary>Colour channels.</summary>
    public required int Channels { get; init; }

    /// <summary>T, tiles that a picture can have; all are computed always.</summary>
    public required int Tiles { get; init; }

    /// <summary>Arrangements of tiles, (rows, columns) each.</summary>
    public required IReadOnlyList<(int Rows, int Columns)> Arrangements { get; init; }

    /// <summary>Layers whose output is part of the features.</summary>
    public required IReadOnlyList<int> KeptLayers { get; init; }

    /// <summary>P, patches of a tile.</summary>
    public int Patches => ImageSize / PatchSize * (ImageSize / PatchSize);

    /// <summary>R, rows of a tile: its patches behind a class row.</summary>
    public int Rows => Patches + 1;

    /// <summary>R', rows of a tile with padding to a multiple of eight, which real rows see.</summary>
    public int PaddedRows => (Rows + 7) / 8 * 8;

    /// <summary>Columns of the features.</summary>
    public int OutputWidth => Hidden * (1 + KeptLayers.Count);

    /// <summary>Values of a patch.</summary>
    public int PatchWidth => Channels * PatchSize * PatchSize;

    /// <summary>Values of a tile.</summary>
    public int TileValues => Channels * ImageSize * ImageSize;

    /// <summary>Reads the vision part of config.json.</summary>
    /// <exception cref="InvalidDataException">A key is missing or has an unusable value.</exception>
    public static MllamaVisionConfig From(ConfigSection c)
    {
        int hidden = c.Int("hidden_size", 1280), heads = c.TryInt("attention_heads") ?? c.Int("num_attention_heads", 16), tiles = c.Int("max_num_tiles", 4);
        if (heads == 0 || hidden % heads != 0)
        {
            throw c.Wrong("attention_heads", FormattableString.Invariant($"a divisor of hidden_size ({hidden})"));
        }

        var config = new MllamaVisionConfig
        {
            Hidden = hidden,
            Layers = c.Int("num_hidden_layers", 32),
            GlobalLayers = c.Int("num_global_layers", 8),
            Heads = heads,
            MlpWidth = c.Int("intermediate_size", 5120),
            NormEps = (float)c.Double("norm_eps", 1e-5),
            Activation = Activations.Named(c, "hidden_act", "gelu"),
            ImageSize = c.Int("image_size", 448),
            PatchSize = c.Int("patch_size", 14),
            Channels = c.Int("num_channels", 3),
            Tiles = tiles,
            Arrangements = AllArrangements(tiles),
            KeptLayers = [.. (c.TryInts("intermediate_layers_indices") ?? [3, 7, 15, 23, 30]).Order()],
        };
        if (config.KeptLayers.Count == 0 || config.KeptLayers.Any(i => i < 0 || i >= config.Layers) || config.KeptLayers.Distinct().Count() != config.KeptLayers.Count)
        {
            throw c.Wrong("intermediate_layers_indices", FormattableString.Invariant($"different numbers from 0 to {config.Layers - 1}"));
        }

        if (config.Channels != 3)
        {
            throw c.Wrong("num_channels", "3");
        }

        return c.Int("vision_output_dim", config.OutputWidth) == config.OutputWidth
            ? config
            : throw c.Wrong("vision_output_dim", FormattableString.Invariant($"{config.OutputWidth}, hidden_size for each of intermediate_layers_indices and the last layer"));
    }

    /// <summary>All arrangements of at most a number of tiles, in the order of their numbers.</summary>
    private static (int Rows, int Columns)[] AllArrangements(int tiles) =>
        [.. Enumerable.Range(1, tiles).SelectMany(rows => Enumerable.Range(1, tiles / rows).Select(columns => (rows, columns)))];
}
