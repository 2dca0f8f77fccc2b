using Lorikeet.Models.Backbones;
using Lorikeet.Nn;
using Lorikeet.Nn.Weights;
using Lorikeet.Tensors;
using Lorikeet.Tensors.Ops;
using Lorikeet.Tensors.Storage;

namespace Lorikeet.Models.Families;

/// <summary>
/// Llama-3.2-Vision: a tower over tiles of pictures, and a Llama decoder with additional layers that look at the tower's features. A
/// picture takes one token; the tokens behind it see its tiles, up to the next picture.
/// </summary>
/// <remarks>
/// <para>Source: Grattafiori et al. 2024, "The Llama 3 herd of models"; behaviour of transformers' <c>MllamaForConditionalGeneration</c>.
/// Checkpoints: meta-llama/Llama-3.2-11B-Vision and -90B-Vision.</para>
/// <para>Known deviation: in the reference a token that may see no picture (one before the first picture) attends to every key of its
/// sample: tiles that are missing, and pictures that only fill up the batch, included. Its results so depend on what it is batched with.
/// Here such a token attends to the tiles of its own sample's pictures, whatever the batch, and samples without pictures skip these
/// layers in any batch. <see cref="Processor.PadsAsReference"/> restores the reference's keys for comparisons.</para>
/// </remarks>
public sealed class Mllama : VisionLanguageModel
{
    /// <summary>Pictures that a frozen tower processes at a time.</summary>
    private const int FrozenPicturesAtOnce = 1;

    private readonly MllamaConfig _config;
    private readonly MllamaTower _tower;
    private readonly Nn.Linear _projector;
    private readonly Param _embeddings;
    private readonly DecoderBlock?[] _self;
    private readonly MllamaCrossBlock?[] _cross;
    private readonly Nn.RmsNorm _norm;

    /// <summary>Builds the model.</summary>
    /// <param name="w">Root of the weights.</param>
    /// <param name="config">Sizes.</param>
    /// <param name="files">Files to close with the model, or null.</param>
    public Mllama(WeightScope w, MllamaConfig config, IDisposable? files)
        : base(w.Parts, files)
    {
        _config = config;
        DecoderConfig c = config.Text;
        _tower = new MllamaTower(w["model.vision_model"], config.Vision);
        WeightScope text = w["model.language_model"];
        _embeddings = text["embed_tokens"].Param("weight", new Shape(c.VocabularySize + MllamaConfig.ExtraEmbeddings, c.Hidden));
        _self = new DecoderBlock?[c.Layers];
        _cross = new MllamaCrossBlock?[c.Layers];
        for (int i = 0; i < c.Layers; i++)
        {
            WeightScope layer = text["layers"][i];
            if (config.CrossLayers.Contains(i))
            {
                _cross[i] = new MllamaCrossBlock(layer, c);
            }
            else
            {
                _self[i] = new DecoderBlock(layer, c);
            }
        }

        _norm = text["norm"].RmsNorm(c.Hidden, c.NormEps);
        _projector = w["model.multi_modal_projector"].Linear(config.Vision.OutputWidth, c.Hidden, bias: true);
        LmHead = w["lm_head"].Linear(c.Hidden, c.VocabularySize, bias: false);
    }

    /// <inheritdoc/>
    public override Nn.Linear LmHead { get; }

    /// <inheritdoc/>
    public override IReadOnlyDictionary<Tower, string> Towers { get; } = new Dictionary<Tower, string>
    {
        [Tower.Vision] = "model.vision_model",
        [Tower.Connector] = "model.multi_modal_projector",
        [Tower.Language] = "model.language_model",
    };

    /// <inheritdoc/>
    public override KvCache NewCache(Parameters parameters, int sequences, int capacity) => new CrossCache(
        parameters,
        (_config.Text.Layers - _config.CrossLayers.Count, _config.CrossLayers.Count),
        sequences,
        capacity,
        (_config.Text.KvHeads, _config.Text.HeadWidth));

    /// <inheritdoc/>
    public override Tensor Hidden(StepScope scope, ModelInput input, KvCache? cache = null)
    {
        ImageRows(input, _config.ImageTokenId);
        CrossStep? cross = Cross(scope, input, (CrossCache?)cache);
        scope.RowKeys = RowKeys(scope, input.Tokens.Keys);
        Tensor x = GatherRows.Forward(scope, _embeddings.Value, scope.From(input.Tokens.Ids));
        DecoderStep self = Self(scope, input.Tokens, cache);
        int selfLayer = 0, crossLayer = 0;
        for (int i = 0; i < _self.Length; i++)
        {
            if (_self[i] is { } block)
            {
                int layer = selfLayer++;
                x = Run(scope, block.Trains, x, null, (h, _) => block.Forward(scope, h, self, layer));
            }
            else if (cross is not null)
            {
                MllamaCrossBlock looks = _cross[i]!;
                int layer = crossLayer++;
                x = Run(scope, looks.Trains, x, cross.Features, (h, features) => looks.Forward(scope, h, features, cross, layer));
            }
        }

        return _norm.Forward(scope, x);
    }

    /// <inheritdoc/>
    public override IReadOnlyList<FlopCount> Flops(ModelInput input)
    {
        var counts = new List<FlopCount>();
        var plan = MllamaSight.Of(input, _config, null);
        int R = _config.Vision.Rows;
        if (input.Vision is MllamaVision vision)
        {
            counts.AddRange(_tower.Flops(vision.Pictures.Length));
            counts.Add(FlopCount.Of(_projector, (long)vision.Pictures.Length * _config.Vision.Tiles * R));
        }

        long N = input.Tokens.Count;
        for (int i = 0; i < _self.Length; i++)
        {
            counts.AddRange(_self[i]?.Flops(input.Tokens.Lengths)
                ?? (plan.Runs.Count == 0 ? [] : _cross[i]!.Flops(N, plan.FeatureRows.Length, plan.Runs.Sum(r => (double)r.Queries * r.Keys))));
        }

        counts.Add(FlopCount.Of(LmHead, input.Tokens.Supervised().Rows.Length));
        return counts;
    }

    private Tensor Run(StepScope scope, bool trains, Tensor x, Tensor? features, Func<Tensor, Tensor?, Tensor> block)
    {
        // A view of its own: a block's share of the features' gradient is summed before the others' are added, as where it is computed again.
        Tensor[] inputs = features is null ? [x] : [x, features];
        Tensor y = GradientCheckpointing && scope.IsRecording
            ? scope.Checkpoint(given => block(given[0], given.Length > 1 ? given[1] : null), trains, inputs)
            : scope.Frame(() => block(x, features is null ? null : Reshape.Forward(scope, features, features.Shape)));
        scope.Free(x);
        return y;
    }

    private DecoderStep Self(StepScope scope, TokenBatch tokens, KvCache? cache)
    {
        (Tensor cos, Tensor sin) = _config.Text.Rotary.Angles(scope, tokens.Positions(cache is null ? null : cache.Length), tokens.Lengths);
        if (cache is null)
        {
            return new DecoderStep(cos, sin, AttentionSegments.Of(tokens.Lengths, causal: true), null, null);
        }

        (int[] rows, AttentionSegments segments) = cache.Reserve(tokens.Lengths);
        return new DecoderStep(cos, sin, segments, cache, scope.From(rows));
    }

    /// <summary>What the cross-attention layers need; null where no sequence has a picture: they are skipped then.</summary>
    private CrossStep? Cross(StepScope scope, ModelInput input, CrossCache? cache)
    {
        var sight = MllamaSight.Of(input, _config, cache);
        Tensor? features = null, keys = null;
        if (input.Vision is MllamaVision vision)
        {
            Tensor all = scope.Frame(() => Features(scope, vision));
            VisionDone?.Invoke();
            features = GatherRows.Forward(scope, all, scope.From(sight.FeatureRows));
            scope.Free(all);
            keys = RowKeys(scope, vision.Keys.Length == 0 ? [] : [.. FeatureKeys(vision.Keys, sight.FeatureRows)]);
        }

        if (sight.Runs.Count == 0)
        {
            return null;
        }

        if (cache is not null)
        {
            foreach (CrossRun last in sight.Runs.GroupBy(r => r.Sequence).Select(g => g.Last()))
            {
                cache.SetVisible(last.Sequence, last.KeyStart, last.Keys);
            }
        }

        Tensor sees = scope.From(sight.Sees, new Shape(sight.Sees.Length));
        return new CrossStep(sight.Runs, sees, features, sight.Starts, sight.Rows, keys, cache);
    }

    /// <summary>Features [I T R, C] of all tiles of all pictures, missing tiles included.</summary>
    private Tensor Features(StepScope scope, MllamaVision vision)
    {
        int I = vision.Pictures.Length, rows = _config.Vision.Tiles * _config.Vision.Rows;
        bool trains = scope.IsRecording && (_tower.Trains || _projector.Trains);
        return trains || Observer is not null || I <= FrozenPicturesAtOnce
            ? PictureFeatures(scope, vision, 0, I)
            : FrozenChunks.Forward(
                scope, [.. Enumerable.Repeat(rows, I)], _config.Text.Hidden, FrozenPicturesAtOnce, (first, count) => PictureFeatures(scope, vision, first, count));
    }

    private Tensor PictureFeatures(StepScope scope, MllamaVision vision, int first, int count)
    {
        MllamaVisionConfig c = _config.Vision;
        int patches = c.Tiles * c.Patches, padded = c.Tiles * c.PaddedRows, rows = c.Tiles * c.Rows, width = c.PatchWidth;
        Tensor pixels = scope.From(
            vision.Patches.AsSpan(checked(first * patches * width), checked(count * patches * width)), new Shape(count * patches, width));
        ReadOnlySpan<long> keys = vision.Keys.Length == 0 ? [] : vision.Keys.AsSpan(first * padded, count * padded);
        Tensor x = _tower.Forward(scope, pixels, vision.Pictures.AsSpan(first, count), keys, GradientCheckpointing);
        Observer?.Invoke("vision.last_hidden_state", x);
        scope.RowKeys = keys.Length == 0 ? null : RowKeys(scope, [.. FeatureKeys(keys.ToArray(), Enumerable.Range(0, count * rows))]);
        x = _projector.Forward(scope, x);
        Observer?.Invoke("image_features.projector", x);
        return x;
    }

    /// <summary>Random keys of feature rows, from those of the tower's rows, which have padding.</summary>
    private IEnumerable<long> FeatureKeys(long[] keys, IEnumerable<int> rows) =>
        rows.Select(row => keys[(row / _config.Vision.Rows * _config.Vision.PaddedRows) + (row % _config.Vision.Rows)]);
}

/// <summary>Pictures of a batch as patches.</summary>
/// <param name="FeatureRows">Pictures, which are image tokens, per sequence [B].</param>
/// <param name="Pictures">Tiles of each picture.</param>
/// <param name="Patches">[I T P, Channels PatchSize PatchSize] normalised pixels, missing tiles included.</param>
/// <param name="Keys">Random keys of the tower's rows [I T R'], or empty.</param>
/// <param name="Slots">
/// 0: each sequence has its own pictures, one behind the other. Else every sequence with pictures has as many places for them, the last
/// ones empty, and sees as the reference does.
/// </param>
public sealed record MllamaVision(int[] FeatureRows, MllamaPicture[] Pictures, float[] Patches, long[] Keys, int Slots) : VisionInput(FeatureRows);
