using Lorikeet.Models.Backbones;
using Lorikeet.Nn;
using Lorikeet.Nn.Weights;
using Lorikeet.Tensors;
using Lorikeet.Tensors.Ops;

namespace Lorikeet.Models.Families;

/// <summary>
/// LLaVA: a CLIP or SigLIP tower over pictures of one size, a two-layer projector on the hidden states of one of its layers, and a
/// decoder that reads the features in the place of image tokens.
/// </summary>
/// <remarks>
/// Source: Liu et al. 2023, "Visual instruction tuning" and "Improved baselines with visual instruction tuning"; behaviour of
/// transformers' <c>LlavaForConditionalGeneration</c>. Checkpoints: llava-hf/llava-1.5-7b-hf and 13b-hf, and compositions of CLIP or
/// SigLIP with Llama, Mistral, Qwen2 or Phi-3.
/// </remarks>
public sealed class Llava : VisionLanguageModel
{
    /// <summary>Pictures that a frozen tower processes at a time.</summary>
    private const int FrozenPicturesAtOnce = 4;

    private readonly LlavaConfig _config;
    private readonly VisionTower _tower;
    private readonly Mlp _projector;
    private readonly Decoder _text;

    /// <summary>Builds the model.</summary>
    /// <param name="w">Root of the weights.</param>
    /// <param name="config">Sizes.</param>
    /// <param name="files">Files to close with the model, or null.</param>
    public Llava(WeightScope w, LlavaConfig config, IDisposable? files)
        : base(w.Parts, files)
    {
        _config = config;
        _tower = new VisionTower(w["model.vision_tower"], config.Vision);
        WeightScope projector = w["model.multi_modal_projector"];
        int C = config.Text.Hidden;
        _projector = new Mlp(
            projector["linear_1"].Linear(config.Vision.Encoder.Hidden, C, config.ProjectorBias),
            projector["linear_2"].Linear(C, C, config.ProjectorBias),
            config.ProjectorActivation);
        _text = new Decoder(w["model.language_model"], config.Text);
        LmHead = _text.Head(w, config.TieWordEmbeddings);
    }

    /// <inheritdoc/>
    public override Nn.Linear LmHead { get; }

    /// <inheritdoc/>
    public override IReadOnlyDictionary<Tower, string> Towers { get; } = new Dictionary<Tower, string>
    {
        [Tower.Vision] = "model.vision_tower",
        [Tower.Connector] = "model.multi_modal_projector",
        [Tower.Language] = "model.language_model",
    };

    /// <inheritdoc/>
    public override KvCache NewCache(Parameters parameters, int sequences, int capacity) => _text.NewCache(parameters, sequences, capacity);

    /// <inheritdoc/>
    public override Tensor Hidden(StepScope scope, ModelInput input, KvCache? cache = null)
    {
        int[] rows = ImageRows(input, _config.ImageTokenId);
        Tensor hidden = _text.Embed(scope, input.Tokens);
        if (input.Vision is LlavaVision vision)
        {
            Tensor features = scope.Frame(() => Features(scope, vision));
            Observer?.Invoke("image_features", features);
            VisionDone?.Invoke();
            hidden = ReplaceRows.Forward(scope, hidden, features, scope.From(rows));
        }

        scope.RowKeys = RowKeys(scope, input.Tokens.Keys);
        return _text.Forward(scope, hidden, input.Tokens, cache, new DecoderOptions(GradientCheckpointing));
    }

    /// <inheritdoc/>
    public override IReadOnlyList<FlopCount> Flops(ModelInput input)
    {
        var counts = new List<FlopCount>();
        if (input.Vision is LlavaVision vision)
        {
            long M = (long)vision.Pictures * _config.FeatureRows;
            counts.AddRange(_tower.Flops(vision.Pictures, _config.FeatureBlocks));
            counts.AddRange(_projector.Linears.Select(l => FlopCount.Of(l, M)));
        }

        counts.AddRange(_text.Flops(input.Tokens.Lengths));
        counts.Add(FlopCount.Of(LmHead, input.Tokens.Supervised().Rows.Length));
        return counts;
    }

    /// <summary>Image features [N M, C] of all pictures, in order.</summary>
    private Tensor Features(StepScope scope, LlavaVision vision)
    {
        bool trains = scope.IsRecording && (_tower.Trains || _projector.Linears.Any(l => l.Trains || l.Bias is { IsTrained: true }));
        return trains || Observer is not null || vision.Pictures <= FrozenPicturesAtOnce
            ? PictureFeatures(scope, vision, 0, vision.Pictures)
            : FrozenChunks.Forward(
                scope,
                [.. Enumerable.Repeat(_config.FeatureRows, vision.Pictures)],
                _config.Text.Hidden,
                FrozenPicturesAtOnce,
                (first, count) => PictureFeatures(scope, vision, first, count));
    }

    private Tensor PictureFeatures(StepScope scope, LlavaVision vision, int first, int count)
    {
        int P = _config.Vision.Patches, R = _config.Vision.Rows, width = _config.Vision.Encoder.PatchWidth;
        Tensor pixels = scope.From(vision.Patches.AsSpan(checked(first * P * width), checked(count * P * width)), new Shape(count * P, width));
        long[] keys = vision.Keys.Length == 0 ? [] : vision.Keys[(first * R)..((first + count) * R)];
        scope.RowKeys = RowKeys(scope, keys);
        if (Observer is { } observer)
        {
            observer("vision.last_hidden_state", _tower.Last(scope, _tower.Forward(scope, pixels, _config.Vision.Encoder.Layers, GradientCheckpointing)));
        }

        Tensor x = _tower.Forward(scope, pixels, _config.FeatureBlocks, GradientCheckpointing);
        if (_config.DropsClassToken)
        {
            int[] kept = [.. Enumerable.Range(0, count * P).Select(i => (i / P * R) + 1 + (i % P))];
            x = GatherRows.Forward(scope, x, scope.From(kept));
            scope.RowKeys = RowKeys(scope, keys.Length == 0 ? [] : [.. kept.Select(row => keys[row])]);
        }

        x = _projector.Forward(scope, x);
        Observer?.Invoke("image_features.projector", x);
        return x;
    }
}

/// <summary>Pictures of a batch as patches.</summary>
/// <param name="FeatureRows">Feature rows per sequence [B].</param>
/// <param name="Pictures">Number of pictures N.</param>
/// <param name="Patches">[N P, Channels PatchSize PatchSize] normalised pixels.</param>
/// <param name="Keys">Random keys of the tower's rows [N R], or empty.</param>
public sealed record LlavaVision(int[] FeatureRows, int Pictures, float[] Patches, long[] Keys) : VisionInput(FeatureRows);

/// <summary>Sizes of a LLaVA model.</summary>
public sealed record LlavaConfig
{
    /// <summary>The tower.</summary>
    public required VisionTowerConfig Vision { get; init; }

    /// <summary>The decoder.</summary>
    public required DecoderConfig Text { get; init; }

    /// <summary>Blocks of the tower behind which features are taken (<c>vision_feature_layer</c> counted from the front).</summary>
    public required int FeatureBlocks { get; init; }

    /// <summary>Whether the first row of each picture is dropped (<c>vision_feature_select_strategy: default</c>).</summary>
    public required bool DropsClassToken { get; init; }

    /// <summary>Between the projector's layers.</summary>
    public required ActivationKind ProjectorActivation { get; init; }

    /// <summary>Whether the projector has biases.</summary>
    public required bool ProjectorBias { get; init; }

    /// <summary>Token whose embedding a feature replaces.</summary>
    public required int ImageTokenId { get; init; }

    /// <summary>Whether the head is the embedding matrix.</summary>
    public required bool TieWordEmbeddings { get; init; }

    /// <summary>Feature rows of a picture.</summary>
    public int FeatureRows => Vision.Rows - (DropsClassToken ? 1 : 0);

    /// <summary>Reads config.json.</summary>
    /// <exception cref="InvalidDataException">A key is missing or has an unusable value.</exception>
    public static LlavaConfig From(ConfigSection c)
    {
        VisionTowerConfig vision = VisionTowerConfig.From(c.Section("vision_config"));
        string strategy = c.TryString("vision_feature_select_strategy") ?? "default";
        if (strategy is not ("default" or "full"))
        {
            throw c.Wrong("vision_feature_select_strategy", "default or full");
        }

        ConfigSection text = c.Section("text_config");
        return new LlavaConfig
        {
            Vision = vision,
            Text = DecoderConfig.From(text),
            FeatureBlocks = Blocks(c, vision.Encoder.Layers),
            DropsClassToken = strategy == "default",
            ProjectorActivation = Activations.Named(c, "projector_hidden_act", "gelu"),
            ProjectorBias = c.Bool("multimodal_projector_bias", true),
            ImageTokenId = c.TryInt("image_token_id") ?? c.Int("image_token_index", 32000),
            TieWordEmbeddings = c.TryBool("tie_word_embeddings") ?? text.Bool("tie_word_embeddings", false),
        };
    }

    private static int Blocks(ConfigSection c, int layers)
    {
        if (c.Find("vision_feature_layer") is { ValueKind: System.Text.Json.JsonValueKind.Array })
        {
            throw c.Wrong("vision_feature_layer", "one layer; features of several layers side by side are not supported");
        }

        int layer = c.Int("vision_feature_layer", -2);
        int blocks = layer < 0 ? layers + 1 + layer : layer;
        return blocks >= 0 && blocks <= layers ? blocks : throw c.Wrong("vision_feature_layer", FormattableString.Invariant($"a layer from {-layers - 1} to {layers}"));
    }
}
