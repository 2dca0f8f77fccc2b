using Lorikeet.Nn.Weights;
using Lorikeet.Tensors;
using Lorikeet.Tensors.Ops;
using Lorikeet.Tensors.Storage;

namespace Lorikeet.Models.Backbones;

/// <summary>
/// The vision transformer of CLIP or SigLIP over pictures of one size: patches (CLIP: behind a class token) with learned positions
/// through a <see cref="SiglipEncoder"/>.
/// </summary>
/// <remarks>Source: Radford et al. 2021; Zhai et al. 2023; behaviour of transformers' <c>CLIPVisionTransformer</c> and <c>SiglipVisionTransformer</c>.</remarks>
public sealed class VisionTower
{
    private readonly Nn.Linear _patches;
    private readonly Param? _class;
    private readonly Param _positions;
    private readonly Nn.LayerNorm? _preNorm;
    private readonly Nn.LayerNorm _postNorm;
    private readonly SiglipEncoder _encoder;

    /// <summary>Builds the tower at a place of the tree.</summary>
    public VisionTower(WeightScope w, VisionTowerConfig config)
    {
        Config = config;
        SiglipConfig c = config.Encoder;
        WeightScope e = w["embeddings"], patch = e["patch_embedding"];
        _class = config.HasClassToken ? e.Param("class_embedding", new Shape(c.Hidden)) : null;

        // Not registered as a linear layer: in the reference it is a convolution, which "all-linear" doesn't match.
        Param kernel = patch.PatchKernel("weight", new Shape(c.Hidden, c.Channels, c.PatchSize, c.PatchSize));
        _patches = new Nn.Linear(patch.Path, new DenseWeight(kernel), config.HasClassToken ? null : patch.Param("bias", new Shape(c.Hidden)));
        _positions = e["position_embedding"].Param("weight", new Shape(config.Rows, c.Hidden));
        _preNorm = config.HasClassToken ? w["pre_layrnorm"].LayerNorm(c.Hidden, c.NormEps) : null;
        _encoder = new SiglipEncoder(w["encoder"], c);
        _postNorm = w["post_layernorm"].LayerNorm(c.Hidden, c.NormEps);
    }

    /// <summary>Sizes.</summary>
    public VisionTowerConfig Config { get; }

    /// <summary>Whether anything here is trained.</summary>
    public bool Trains => _encoder.Trains || _patches.Trains || _positions.IsTrained || _class is { IsTrained: true } || _preNorm is { Trains: true } || _postNorm.Trains;

    /// <summary>Hidden states of some layers side by side; no norm follows them.</summary>
    /// <param name="scope">The running step.</param>
    /// <param name="pixels">Patches of N pictures [N P, Channels PatchSize PatchSize], row-major inside a picture.</param>
    /// <param name="layers">Blocks behind which hidden states are taken, in the order of the result.</param>
    /// <param name="checkpoint">Whether to recompute blocks in the backward pass.</param>
    /// <returns>[N R, C for each layer] with R rows per picture: P patches, with CLIP behind the class token.</returns>
    public Tensor Forward(StepScope scope, Tensor pixels, IReadOnlyList<int> layers, bool checkpoint)
    {
        int P = Config.Patches, R = Config.Rows, N = pixels.Shape[0] / P;
        Tensor x = _patches.Forward(scope, pixels);
        if (_class is not null)
        {
            // The class token everywhere, then the patches over it in all rows but the first of each picture.
            int[] rows = [.. Enumerable.Range(0, N * P).Select(i => (i / P * R) + 1 + (i % P))];
            x = ReplaceRows.Forward(scope, GatherRows.Forward(scope, _class.Value, scope.From(new int[N * R])), x, scope.From(rows));
        }

        int[] positions = [.. Enumerable.Range(0, N * R).Select(i => i % R)];
        x = Add.Forward(scope, x, GatherRows.Forward(scope, _positions.Value, scope.From(positions)));
        x = _preNorm?.Forward(scope, x) ?? x;
        AttentionSegments segments = AttentionSegments.Of([.. Enumerable.Repeat(R, N)], causal: false);
        return FeatureLayers.Forward(scope, x, layers, (h, from, to) => _encoder.Forward(scope, h, segments, null, checkpoint, to, from));
    }

    /// <summary>Whether a tensor of a file takes no part in the hidden states: SigLIP's pooling head and the table of positions.</summary>
    /// <param name="key">Its name in the file.</param>
    public static bool MayIgnore(string key)
    {
        ArgumentNullException.ThrowIfNull(key);
        return key.Contains("vision_model.head.", StringComparison.Ordinal)
            || key.Contains("vision_tower.head.", StringComparison.Ordinal)
            || key.EndsWith("embeddings.position_ids", StringComparison.Ordinal);
    }

    /// <summary>The norm that the reference's <c>last_hidden_state</c> has behind the last block; CLIP's has none.</summary>
    public Tensor Last(StepScope scope, Tensor x) => Config.HasClassToken ? x : _postNorm.Forward(scope, x);

    /// <summary>Multiply-adds of a number of blocks on a number of pictures.</summary>
    public IEnumerable<FlopCount> Flops(int pictures, int blocks) =>
    [
        FlopCount.Of(_patches, (long)pictures * Config.Patches),
        .. _encoder.Flops([.. Enumerable.Repeat(Config.Rows, pictures)], blocks),
    ];
}

/// <summary>Sizes of a <see cref="VisionTower"/>.</summary>
/// <param name="Encoder">The blocks.</param>
/// <param name="HasClassToken">Whether it is CLIP's: a class token, a norm before the blocks, no bias of the patches.</param>
public sealed record VisionTowerConfig(SiglipConfig Encoder, bool HasClassToken)
{
    private static readonly SiglipConfig ClipDefaults = new(768, 12, 12, 3072, 1e-5f, ActivationKind.QuickGelu, 32, 224, 3);
    private static readonly System.Text.Json.Nodes.JsonObject ClipLarge = new()
    {
        ["hidden_size"] = 1024, ["intermediate_size"] = 4096, ["num_hidden_layers"] = 24, ["num_attention_heads"] = 16, ["image_size"] = 336, ["patch_size"] = 14,
    };

    private static readonly SiglipConfig SiglipDefaults = new(768, 12, 12, 3072, 1e-6f, ActivationKind.GeluTanh, 16, 224, 3);

    /// <summary>Model types of directories that hold such a tower, alone or with a text part, and of the tower in them.</summary>
    public static IReadOnlyDictionary<string, string> ModelTypes { get; } = new Dictionary<string, string>(StringComparer.Ordinal)
    {
        ["clip"] = "clip_vision_model",
        ["clip_vision_model"] = "clip_vision_model",
        ["siglip"] = "siglip_vision_model",
        ["siglip_vision_model"] = "siglip_vision_model",
    };

    /// <summary>Patches of a picture.</summary>
    public int Patches => Encoder.GridSide * Encoder.GridSide;

    /// <summary>Rows of hidden states of a picture.</summary>
    public int Rows => Patches + (HasClassToken ? 1 : 0);

    /// <summary>Reads the tower of a model: CLIP ViT-L/14 at 336 pixels where the file has no <c>vision_config</c>.</summary>
    /// <exception cref="InvalidDataException">Another model type, or a key is missing or unusable.</exception>
    public static VisionTowerConfig OfModel(ConfigSection c)
    {
        ArgumentNullException.ThrowIfNull(c);
        return From(c.TrySection("vision_config") ?? c.SectionOrEmpty("vision_config").WithDefaults(ClipLarge));
    }

    /// <summary>Reads a vision config of model type <c>clip_vision_model</c> or <c>siglip_vision_model</c>.</summary>
    /// <exception cref="InvalidDataException">Another model type, or a key is missing or unusable.</exception>
    public static VisionTowerConfig From(ConfigSection c) => From(c, c.TryString("model_type") ?? "clip_vision_model");

    /// <summary>Reads the tower of a directory that holds one by itself or beside a text part.</summary>
    /// <exception cref="InvalidDataException">It holds another kind of model, or a key is unusable.</exception>
    public static VisionTowerConfig OfDirectory(ModelDirectory directory)
    {
        ArgumentNullException.ThrowIfNull(directory);
        return ModelTypes.TryGetValue(directory.ModelType, out string? type)
            ? From(directory.Config.TrySection("vision_config") ?? directory.Config, type)
            : throw directory.Config.Wrong("model_type", string.Join(", ", ModelTypes.Keys));
    }

    private static VisionTowerConfig From(ConfigSection c, string type) => type switch
    {
        "clip_vision_model" => new VisionTowerConfig(SiglipConfig.From(c, ClipDefaults, "quick_gelu"), true),
        "siglip_vision_model" => new VisionTowerConfig(SiglipConfig.From(c, SiglipDefaults), false),
        _ => throw c.Wrong("model_type", "clip_vision_model or siglip_vision_model"),
    };
}
