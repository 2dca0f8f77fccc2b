using Lorikeet.Models.Backbones;
using Lorikeet.Nn;
using Lorikeet.Nn.Weights;
using Lorikeet.Tensors;
using Lorikeet.Tensors.Ops;
using Lorikeet.Tensors.Storage;

namespace Lorikeet.Models.Families;

/// <summary>
/// Molmo: a picture as one overview and overlapping crops through a CLIP tower, windows of patches pooled by attention, features added
/// to the embeddings of patch tokens, a Qwen2-like decoder with fused projections.
/// </summary>
/// <remarks>
/// Source: Deitke et al. 2024, "Molmo and PixMo"; behaviour of the modules that ship with the checkpoints. Checkpoints:
/// allenai/Molmo-7B-D-0924. Known deviation: the reference multiplies the features of a crop whose pixels are all exactly -1 by zero, to
/// blank the padding of its batches; batches here have no padding, so no crop is blanked.
/// </remarks>
public sealed class Molmo : VisionLanguageModel
{
    /// <summary>Crops that a frozen tower processes at a time.</summary>
    private const int FrozenCropsAtOnce = 4;

    private readonly MolmoConfig _config;
    private readonly MolmoVisionModel _vision;
    private readonly FusedDecoder _text;
    private readonly Param _words, _added;
    private readonly RotaryEmbedding _rotary;

    /// <summary>Builds the model.</summary>
    /// <param name="w">Root of the weights.</param>
    /// <param name="config">Sizes.</param>
    /// <param name="files">Files to close with the model, or null.</param>
    public Molmo(WeightScope w, MolmoConfig config, IDisposable? files)
        : base(w.Parts, files)
    {
        _config = config;
        _vision = new MolmoVisionModel(w["model.vision_backbone"], config);
        WeightScope transformer = w["model.transformer"];
        _words = transformer["wte"].Param("embedding", new Shape(config.Vocabulary, config.Hidden));
        _added = transformer["wte"].Param("new_embedding", new Shape(config.AdditionalVocabulary, config.Hidden));
        FusedBlock[] blocks = [.. Enumerable.Range(0, config.Layers).Select(i => Block(transformer["blocks"][i], config))];
        _text = new FusedDecoder(blocks, new FusedHeads(config.Heads, config.KvHeads, config.HeadWidth), transformer["ln_f"].RmsNorm(config.Hidden, config.NormEps));
        _rotary = RotaryEmbedding.Default(config.HeadWidth, config.RopeTheta);
        LmHead = transformer["ff_out"].Linear(config.Hidden, config.Vocabulary, bias: false);
    }

    /// <inheritdoc/>
    public override Nn.Linear LmHead { get; }

    /// <summary>The tower and the head come first: their paths lie inside those of connector and decoder.</summary>
    public override IReadOnlyDictionary<Tower, string> Towers { get; } = new Dictionary<Tower, string>
    {
        [Tower.Vision] = "model.vision_backbone.image_vit",
        [Tower.Connector] = "model.vision_backbone",
        [Tower.Head] = "model.transformer.ff_out",
        [Tower.Language] = "model.transformer",
    };

    /// <inheritdoc/>
    public override KvCache NewCache(Parameters parameters, int sequences, int capacity) => _text.NewCache(parameters, sequences, capacity);

    /// <inheritdoc/>
    public override Tensor Hidden(StepScope scope, ModelInput input, KvCache? cache = null)
    {
        TokenBatch tokens = input.Tokens;
        Tensor hidden = Embed(scope, tokens);
        if (input.Vision is MolmoVision vision)
        {
            int[] places = Places(input, vision);
            Tensor features = scope.Frame(() => GatherRows.Forward(scope, Features(scope, vision), scope.From(vision.Cells)));
            Observer?.Invoke("image_features", features);
            VisionDone?.Invoke();
            hidden = AddRows.Forward(scope, hidden, features, scope.From(places));
        }

        scope.RowKeys = RowKeys(scope, tokens.Keys);
        var options = new FusedOptions(_rotary.Angles(scope, tokens.Positions(cache is null ? null : cache.Length), tokens.Lengths), GradientCheckpointing);
        return _text.Forward(scope, hidden, tokens, cache, options);
    }

    /// <inheritdoc/>
    public override IReadOnlyList<FlopCount> Flops(ModelInput input) =>
    [
        .. input.Vision is MolmoVision vision ? _vision.Flops(vision.Crops) : [],
        .. _text.Flops(input.Tokens.Lengths),
        FlopCount.Of(LmHead, input.Tokens.Supervised().Rows.Length),
    ];

    private static FusedBlock Block(WeightScope w, MolmoConfig c)
    {
        int kv = c.KvHeads * c.HeadWidth;
        Nn.Linear both = w["ff_proj"].Linear(c.Hidden, 2 * c.MlpWidth, bias: false), down = w["ff_out"].Linear(c.MlpWidth, c.Hidden, bias: false);
        return new FusedBlock(
            w["attn_norm"].RmsNorm(c.Hidden, c.NormEps),
            w["ff_norm"].RmsNorm(c.Hidden, c.NormEps),
            w["att_proj"].Linear(c.Hidden, c.Hidden + (2 * kv), c.QkvBias),
            w["attn_out"].Linear(c.Hidden, c.Hidden, bias: false),
            new FusedGatedMlp(both, down, ActivationKind.Silu) { GateLast = true })
        {
            QueryNorm = c.QkNorm ? w["q_norm"].RmsNorm(c.Hidden, c.NormEps) : null,
            KeyNorm = c.QkNorm ? w["k_norm"].RmsNorm(kv, c.NormEps) : null,
            NormAfter = c.NormAfter,
        };
    }

    /// <summary>Embeddings [N, C] out of the two tables, of which the second goes on where the first ends.</summary>
    private Tensor Embed(StepScope scope, TokenBatch tokens)
    {
        Tensor x = GatherRows.Forward(scope, _words.Value, scope.From(Array.ConvertAll(tokens.Ids, id => id < _config.Vocabulary ? id : 0)));
        int[] rows = [.. Enumerable.Range(0, tokens.Count).Where(i => tokens.Ids[i] >= _config.Vocabulary)];
        if (rows.Length == 0)
        {
            return x;
        }

        Tensor added = GatherRows.Forward(scope, _added.Value, scope.From(Array.ConvertAll(rows, i => tokens.Ids[i] - _config.Vocabulary)));
        return ReplaceRows.Forward(scope, x, added, scope.From(rows));
    }

    /// <summary>Pooled features [crops t t, C] of all crops.</summary>
    private Tensor Features(StepScope scope, MolmoVision vision)
    {
        _vision.Observer = Observer;
        return (scope.IsRecording && _vision.Trains) || Observer is not null || vision.Crops <= FrozenCropsAtOnce
            ? _vision.Forward(scope, vision, 0, vision.Crops, GradientCheckpointing)
            : FrozenChunks.Forward(
                scope,
                [.. Enumerable.Repeat(_config.Pooled, vision.Crops)],
                _config.Hidden,
                FrozenCropsAtOnce,
                (first, count) => _vision.Forward(scope, vision, first, count, checkpoint: false));
    }

    /// <summary>Rows of the batch's tokens that features are added to; throws where one of them is no patch token.</summary>
    private int[] Places(ModelInput input, MolmoVision vision)
    {
        int[] starts = input.Tokens.Starts(), places = new int[vision.Places.Length];
        int done = 0;
        for (int b = 0; b < starts.Length; b++)
        {
            for (int end = done + vision.FeatureRows[b]; done < end; done++)
            {
                int place = vision.Places[done];
                places[done] = starts[b] + place;
                if (place >= input.Tokens.Lengths[b] || input.Tokens.Ids[places[done]] != _config.PatchTokenId)
                {
                    throw new InvalidDataException(FormattableString.Invariant(
                        $"sequence {b} has {input.Tokens.Lengths[b]} tokens, and token {place} is no patch token: image tokens and image features differ"));
                }
            }
        }

        return places;
    }
}

/// <summary>Pictures of a batch as crops.</summary>
/// <param name="FeatureRows">Features per sequence [B].</param>
/// <param name="Crops">Number of crops N.</param>
/// <param name="Patches">[N P, PatchSize PatchSize Channels] normalised pixels.</param>
/// <param name="Masks">[N P] share of a patch that shows the picture, as the reference assigns them to crops; -1 without one.</param>
/// <param name="Cells">Rows of the pooled features [N t t] that become tokens, in the order of the tokens.</param>
/// <param name="Places">Their tokens, counted from the start of the sequence.</param>
/// <param name="Keys">Random keys of the tower's rows [N (P + 1)], or empty.</param>
public sealed record MolmoVision(int[] FeatureRows, int Crops, float[] Patches, float[] Masks, int[] Cells, int[] Places, long[] Keys) : VisionInput(FeatureRows);
