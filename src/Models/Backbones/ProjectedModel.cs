using Lorikeet.Nn;
using Lorikeet.Nn.Weights;
using Lorikeet.Tensors;
using Lorikeet.Tensors.Ops;

namespace Lorikeet.Models.Backbones;

/// <summary>
/// A vision tower, a two-layer projector on the hidden states of one of its layers or of several side by side, and a decoder that reads
/// the features in the place of image tokens. A family adds its tower, and what becomes of the projected rows.
/// </summary>
public abstract class ProjectedModel : VisionLanguageModel
{
    /// <summary>Pictures that a frozen tower processes at a time.</summary>
    private const int FrozenPicturesAtOnce = 4;

    private readonly ProjectedModelConfig _config;
    private readonly Mlp _projector;
    private readonly Decoder _text;

    /// <summary>Builds projector and decoder; the tower is built before.</summary>
    /// <param name="w">Root of the weights.</param>
    /// <param name="config">Sizes.</param>
    /// <param name="towerWidth">Width of the tower's hidden states.</param>
    /// <param name="files">Files to close with the model, or null.</param>
    protected ProjectedModel(WeightScope w, ProjectedModelConfig config, int towerWidth, IDisposable? files)
        : base(w.Parts, files)
    {
        _config = config;
        int C = config.Text.Hidden;
        WeightScope projector = w["model.multi_modal_projector"];
        _projector = new Mlp(
            projector["linear_1"].Linear(towerWidth * config.FeatureLayers.Count, C, config.ProjectorBias),
            projector["linear_2"].Linear(C, C, config.ProjectorBias),
            config.ProjectorActivation);
        _text = new Decoder(w["model.language_model"], config.Text);
        LmHead = _text.Head(w, config.TieWordEmbeddings);
    }

    /// <summary>Names of transformers 4: before and after its version 4.52.</summary>
    internal static IReadOnlyList<NameRule> OlderNames { get; } =
    [
        new("language_model.lm_head", "lm_head"),
        new("language_model.model.", "model.language_model."),
        new("multi_modal_projector.", "model.multi_modal_projector."),
        new("vision_tower.vision_model.", "model.vision_tower."),
        new("model.vision_tower.vision_model.", "model.vision_tower."),
        new("vision_tower.", "model.vision_tower."),
    ];

    /// <inheritdoc/>
    public override Nn.Linear LmHead { get; }

    /// <inheritdoc/>
    public override IReadOnlyDictionary<Tower, string> Towers { get; } = new Dictionary<Tower, string>
    {
        [Tower.Vision] = "model.vision_tower",
        [Tower.Connector] = "model.multi_modal_projector",
        [Tower.Language] = "model.language_model",
    };

    /// <summary>Whether any part of the tower is trained, or anything that works on the projected rows.</summary>
    protected abstract bool TowerTrains { get; }

    /// <inheritdoc/>
    public override KvCache NewCache(Parameters parameters, int sequences, int capacity) => _text.NewCache(parameters, sequences, capacity);

    /// <inheritdoc/>
    public override Tensor Hidden(StepScope scope, ModelInput input, KvCache? cache = null)
    {
        int[] rows = ImageRows(input, _config.ImageTokenId);
        Tensor hidden = _text.Embed(scope, input.Tokens);
        if (input.Vision is { } vision)
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
        if (input.Vision is { } vision)
        {
            counts.AddRange(TowerFlops(vision));
            long M = ProjectedRows(vision);
            counts.AddRange(_projector.Linears.Select(l => FlopCount.Of(l, M)));
        }

        counts.AddRange(_text.Flops(input.Tokens.Lengths));
        counts.Add(FlopCount.Of(LmHead, input.Tokens.Supervised().Rows.Length));
        return counts;
    }

    /// <summary>Feature rows of each picture, in order.</summary>
    protected abstract IReadOnlyList<int> RowsOfPictures(VisionInput vision);

    /// <summary>Rows that go through the projector.</summary>
    protected abstract long ProjectedRows(VisionInput vision);

    /// <summary>Image features [M, C] of some pictures, in order.</summary>
    /// <param name="scope">The running step.</param>
    /// <param name="vision">The pictures of the batch.</param>
    /// <param name="first">The first of them.</param>
    /// <param name="count">How many.</param>
    protected abstract Tensor PictureFeatures(StepScope scope, VisionInput vision, int first, int count);

    /// <summary>Multiply-adds of the tower.</summary>
    protected abstract IEnumerable<FlopCount> TowerFlops(VisionInput vision);

    /// <summary>The projector on rows [M, tower width].</summary>
    /// <returns>[M, C].</returns>
    protected Tensor Project(StepScope scope, Tensor x)
    {
        x = _projector.Forward(scope, x);
        Observer?.Invoke("image_features.projector", x);
        return x;
    }

    /// <summary>The projected rows of some pictures of one size: the tower's blocks, the class token dropped where asked for, the projector.</summary>
    private protected Tensor ProjectedPictures(StepScope scope, VisionTower tower, TowerPictures pictures, int first, int count)
    {
        VisionTowerConfig config = tower.Config;
        int P = config.Patches, R = config.Rows, width = config.Encoder.PatchWidth;
        Tensor pixels = scope.From(pictures.Patches.AsSpan(checked(first * P * width), checked(count * P * width)), new Shape(count * P, width));
        long[] keys = pictures.Keys.Length == 0 ? [] : pictures.Keys[(first * R)..((first + count) * R)];
        scope.RowKeys = RowKeys(scope, keys);
        if (Observer is { } observer)
        {
            observer("vision.last_hidden_state", tower.Last(scope, tower.Forward(scope, pixels, [config.Encoder.Layers], GradientCheckpointing)));
        }

        Tensor x = tower.Forward(scope, pixels, _config.FeatureLayers, GradientCheckpointing);
        if (_config.DropsFirstRow)
        {
            int kept = R - 1;
            int[] rows = [.. Enumerable.Range(0, count * kept).Select(i => (i / kept * R) + 1 + (i % kept))];
            x = GatherRows.Forward(scope, x, scope.From(rows));
            scope.RowKeys = RowKeys(scope, keys.Length == 0 ? [] : [.. rows.Select(row => keys[row])]);
        }

        return Project(scope, x);
    }

    private Tensor Features(StepScope scope, VisionInput vision)
    {
        IReadOnlyList<int> rows = RowsOfPictures(vision);
        bool trains = scope.IsRecording && (TowerTrains || _projector.Linears.Any(l => l.Trains));
        return trains || Observer is not null || rows.Count <= FrozenPicturesAtOnce
            ? PictureFeatures(scope, vision, 0, rows.Count)
            : FrozenChunks.Forward(scope, rows, _config.Text.Hidden, FrozenPicturesAtOnce, (first, count) => PictureFeatures(scope, vision, first, count));
    }
}

/// <summary>What models with a projected tower share.</summary>
public sealed record ProjectedModelConfig
{
    /// <summary>The decoder.</summary>
    public required DecoderConfig Text { get; init; }

    /// <summary>
    /// Blocks of the tower behind which features are taken (<c>vision_feature_layer</c>, one or a list, counted from the front), in the
    /// order in which they lie side by side.
    /// </summary>
    public required IReadOnlyList<int> FeatureLayers { get; init; }

    /// <summary>Blocks of the tower that are run.</summary>
    public int FeatureBlocks => FeatureLayers.Max();

    /// <summary>Whether the first row of each picture is dropped (<c>vision_feature_select_strategy: default</c>).</summary>
    public required bool DropsFirstRow { get; init; }

    /// <summary>Between the projector's layers.</summary>
    public required ActivationKind ProjectorActivation { get; init; }

    /// <summary>Whether the projector has biases.</summary>
    public required bool ProjectorBias { get; init; }

    /// <summary>Token whose embedding a feature replaces.</summary>
    public required int ImageTokenId { get; init; }

    /// <summary>Whether the head is the embedding matrix.</summary>
    public required bool TieWordEmbeddings { get; init; }

    /// <summary>Reads what is common of config.json.</summary>
    /// <param name="c">The whole file.</param>
    /// <param name="towerLayers">Blocks of the tower.</param>
    /// <param name="imageToken">Id of the image token where the file names none.</param>
    /// <exception cref="InvalidDataException">A key is missing or has an unusable value.</exception>
    public static ProjectedModelConfig From(ConfigSection c, int towerLayers, int imageToken = 32000)
    {
        string strategy = c.TryString("vision_feature_select_strategy") ?? "default";
        if (strategy is not ("default" or "full"))
        {
            throw c.Wrong("vision_feature_select_strategy", "default or full");
        }

        ConfigSection text = c.SectionOrEmpty("text_config");
        return new ProjectedModelConfig
        {
            Text = DecoderConfig.From(text),
            FeatureLayers = Layers(c, towerLayers),
            DropsFirstRow = strategy == "default",
            ProjectorActivation = Activations.Named(c, "projector_hidden_act", "gelu"),
            ProjectorBias = c.Bool("multimodal_projector_bias", true),
            ImageTokenId = c.TryInt("image_token_id") ?? c.Int("image_token_index", imageToken),
            TieWordEmbeddings = c.TryBool("tie_word_embeddings") ?? text.Bool("tie_word_embeddings", false),
        };
    }

    private static int[] Layers(ConfigSection c, int layers)
    {
        int[] found = [.. (c.TryInts("vision_feature_layer") ?? [-2]).Select(layer => layer < 0 ? layers + 1 + layer : layer)];
        return found.Length > 0 && found.All(layer => layer >= 0 && layer <= layers)
            ? found
            : throw c.Wrong("vision_feature_layer", FormattableString.Invariant($"a layer from {-layers - 1} to {layers}, or a list of them"));
    }
}
