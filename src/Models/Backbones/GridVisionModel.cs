using Lorikeet.Nn;
using Lorikeet.Nn.Weights;
using Lorikeet.Tensors;
using Lorikeet.Tensors.Ops;

namespace Lorikeet.Models.Backbones;

/// <summary>
/// A model that sees pictures of any resolution as merged patches and gives their tokens positions on three axes. A family adds its
/// vision tower.
/// </summary>
public abstract class GridVisionModel : VisionLanguageModel
{
    /// <summary>Pictures, or frames, that a frozen tower processes at a time.</summary>
    private const int FrozenPicturesAtOnce = 2;

    private readonly GridModelConfig _config;
    private readonly Decoder _text;
    private readonly PatchEmbedding _patches;

    /// <summary>Builds the decoder and the patch embedding.</summary>
    /// <param name="w">Root of the weights.</param>
    /// <param name="config">Sizes.</param>
    /// <param name="patchBias">Whether the patch embedding has a bias.</param>
    /// <param name="files">Files to close with the model, or null.</param>
    protected GridVisionModel(WeightScope w, GridModelConfig config, bool patchBias, IDisposable? files)
        : base(w.Parts, files)
    {
        _config = config;
        _patches = new PatchEmbedding(w["model.visual.patch_embed.proj"], config.Width, config.Patch, patchBias);
        _text = new Decoder(w["model.language_model"], config.Text);
        LmHead = _text.Head(w, config.TieWordEmbeddings);
    }

    /// <inheritdoc/>
    public override Nn.Linear LmHead { get; }

    /// <inheritdoc/>
    public override IReadOnlyDictionary<Tower, string> Towers { get; } = new Dictionary<Tower, string>
    {
        [Tower.Connector] = "model.visual.merger",
        [Tower.Vision] = "model.visual",
        [Tower.Language] = "model.language_model",
    };

    /// <summary>Patches of a merge block.</summary>
    protected int MergeArea => _config.Patch.MergeArea;

    /// <summary>Whether any part of the tower is trained.</summary>
    protected abstract bool TowerTrains { get; }

    /// <summary>Number of feature matrices beside the first one, added behind the first blocks of the decoder.</summary>
    protected virtual int DeepFeatures => 0;

    /// <inheritdoc/>
    public override KvCache NewCache(Parameters parameters, int sequences, int capacity) => _text.NewCache(parameters, sequences, capacity);

    /// <inheritdoc/>
    public override Tensor Hidden(StepScope scope, ModelInput input, KvCache? cache = null)
    {
        int[] rows = ImageRows(input, _config.IsPlace);
        Tensor hidden = _text.Embed(scope, input.Tokens);
        var vision = input.Vision as GridVision;
        Func<int, Tensor, Tensor>? afterBlock = null;
        if (vision is not null)
        {
            IReadOnlyList<Tensor> features = Features(scope, vision);
            Observer?.Invoke("image_features", features[0]);
            VisionDone?.Invoke();
            Tensor ids = scope.From(rows);
            hidden = ReplaceRows.Forward(scope, hidden, features[0], ids);
            afterBlock = features.Count == 1 ? null : (layer, x) => layer + 1 < features.Count ? AddRows.Forward(scope, x, features[layer + 1], ids) : x;
        }

        GridPositions positions = GridPositions.Of(input.Tokens, vision?.Grids ?? [], _config.IsPlace, _config.Patch.MergeSize, cache);
        (Tensor, Tensor) angles = _config.Text.Rotary.Angles(scope, positions.Axes, _config.AxisOfAngle, input.Tokens.Lengths);
        scope.RowKeys = RowKeys(scope, input.Tokens.Keys);
        return _text.Forward(scope, hidden, input.Tokens, cache, new DecoderOptions(GradientCheckpointing, angles, afterBlock));
    }

    /// <inheritdoc/>
    public override IReadOnlyList<FlopCount> Flops(ModelInput input)
    {
        var counts = new List<FlopCount>();
        if (input.Vision is GridVision vision)
        {
            counts.Add(_patches.Flops(vision.Grids));
            counts.AddRange(TowerFlops([.. vision.Grids.SelectMany(g => g.EachFrame())]));
        }

        counts.AddRange(_text.Flops(input.Tokens.Lengths));
        counts.Add(FlopCount.Of(LmHead, input.Tokens.Supervised().Rows.Length));
        return counts;
    }

    /// <summary>Features of some pictures: those in the place of image tokens [M, C], then the deep ones [M, C] each.</summary>
    /// <param name="pass">The pictures.</param>
    /// <param name="x">Embedded patches [P, vision width].</param>
    private protected abstract IReadOnlyList<Tensor> TowerFeatures(GridPass pass, Tensor x);

    /// <summary>Multiply-adds of the tower behind the patch embedding.</summary>
    protected abstract IEnumerable<FlopCount> TowerFlops(IReadOnlyList<PatchGrid> grids);

    /// <summary>The tower sees every temporal patch as a picture of its own: none sees another one.</summary>
    private IReadOnlyList<Tensor> Features(StepScope scope, GridVision vision)
    {
        vision = vision with { Grids = [.. vision.Grids.SelectMany(g => g.EachFrame())] };
        if ((scope.IsRecording && (TowerTrains || _patches.Trains)) || Observer is not null)
        {
            return PictureFeatures(scope, vision, 0, vision.Grids.Count);
        }

        // Frozen: some pictures at a time, so that only their features stay.
        int C = _config.Text.Hidden, row = 0;
        Tensor[] all = [.. Enumerable.Range(0, 1 + DeepFeatures).Select(_ => scope.New(new Shape(vision.Grids.Sum(g => g.Count) / MergeArea, C)))];
        for (int first = 0; first < vision.Grids.Count; first += FrozenPicturesAtOnce)
        {
            int start = first, count = Math.Min(FrozenPicturesAtOnce, vision.Grids.Count - first), target = row;
            scope.Frame(() =>
            {
                IReadOnlyList<Tensor> some = PictureFeatures(scope, vision, start, count);
                for (int i = 0; i < all.Length; i++)
                {
                    scope.Kernels.Copy(some[i], all[i].Slice(target, some[i].Shape[0]));
                }
            });
            row += vision.Grids.Skip(first).Take(count).Sum(g => g.Count) / MergeArea;
        }

        return all;
    }

    private IReadOnlyList<Tensor> PictureFeatures(StepScope scope, GridVision vision, int first, int count)
    {
        (GridPass pass, Tensor x) = _patches.Open(scope, vision, first, count, this);
        return TowerFeatures(pass, x);
    }
}

/// <summary>What models over merged patches share.</summary>
public sealed record GridModelConfig
{
    /// <summary>Width of the vision tower.</summary>
    public required int Width { get; init; }

    /// <summary>The decoder.</summary>
    public required DecoderConfig Text { get; init; }

    /// <summary>Sizes of patches and merge blocks.</summary>
    public required PatchShape Patch { get; init; }

    /// <summary>Token that stands for a merged patch.</summary>
    public required int ImageTokenId { get; init; }

    /// <summary>Token that stands for a merged patch of a video.</summary>
    public required int VideoTokenId { get; init; }

    /// <summary>Whether the head is the embedding matrix.</summary>
    public required bool TieWordEmbeddings { get; init; }

    /// <summary>The axis of each angle of the decoder [D/2].</summary>
    public required IReadOnlyList<int> AxisOfAngle { get; init; }

    /// <summary>Whether a token stands for a merged patch, of a picture or a video.</summary>
    public bool IsPlace(int id) => id == ImageTokenId || id == VideoTokenId;

    /// <summary>Reads what is common of config.json, flat (transformers 4) or with a text_config.</summary>
    /// <param name="c">The whole file.</param>
    /// <param name="textVariant">Variant of the decoder.</param>
    /// <param name="width">Width of the vision tower.</param>
    /// <exception cref="InvalidDataException">A key is missing or has an unusable value.</exception>
    public static GridModelConfig From(ConfigSection c, string textVariant, int width)
    {
        ConfigSection text = c.TrySection("text_config") ?? c, vision = c.Section("vision_config");
        DecoderConfig decoder = DecoderConfig.From(text, textVariant);
        if (decoder.Rotary.SwitchLength is not null)
        {
            throw text.Wrong("rope_scaling", "of another type than longrope: positions on several axes have none");
        }

        // The third generation takes turns whatever its file says.
        bool inTurns = textVariant == "qwen3";
        ConfigSection rope = text.TrySection("rope_scaling") ?? text.TrySection("rope_parameters") ?? (inTurns ? text.SectionOrEmpty("rope_scaling") : throw text.Wrong("rope_scaling", "an object with mrope_section"));
        IReadOnlyList<int> sections = rope.TryInts("mrope_section") ?? (inTurns ? [24, 20, 20] : throw rope.Wrong("mrope_section", "three numbers"));
        if (sections.Count != 3 || sections.Any(s => s < 0) || sections.Sum() != decoder.HeadWidth / 2)
        {
            throw rope.Wrong("mrope_section", FormattableString.Invariant($"three numbers that add up to {decoder.HeadWidth / 2}, half the width of a head"));
        }

        return new GridModelConfig
        {
            Width = width,
            Text = decoder,
            Patch = PatchShape.From(vision),
            ImageTokenId = c.TryInt("image_token_id") ?? 151655,
            VideoTokenId = c.TryInt("video_token_id") ?? 151656,
            TieWordEmbeddings = c.TryBool("tie_word_embeddings") ?? text.Bool("tie_word_embeddings", false),
            AxisOfAngle = inTurns || rope.Bool("mrope_interleaved", false) ? GridPositions.InTurns(sections) : GridPositions.InRuns(sections),
        };
    }
}
