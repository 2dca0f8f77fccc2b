using Lorikeet.Models.Backbones;
using Lorikeet.Nn;
using Lorikeet.Nn.Weights;
using Lorikeet.Tensors;
using Lorikeet.Tensors.Ops;

namespace Lorikeet.Models.Families;

/// <summary>
/// Pixtral: pictures of any resolution as patches with rotary positions on two axes, each picture seeing itself alone, a two-layer
/// projector, and a Mistral decoder; in the text, a token ends each row of patches and another one the picture.
/// </summary>
/// <remarks>
/// Source: Agrawal et al. 2024, "Pixtral 12B"; behaviour of transformers' <c>PixtralVisionModel</c> inside
/// <c>LlavaForConditionalGeneration</c>. Checkpoints: mistral-community/pixtral-12b.
/// </remarks>
public sealed class Pixtral : ProjectedModel
{
    private readonly PixtralConfig _config;
    private readonly PixtralTower _tower;

    /// <summary>Builds the model.</summary>
    /// <param name="w">Root of the weights.</param>
    /// <param name="config">Sizes.</param>
    /// <param name="files">Files to close with the model, or null.</param>
    public Pixtral(WeightScope w, PixtralConfig config, IDisposable? files)
        : this(w, config, new PixtralTower(w["model.vision_tower"], config.Vision), files)
    {
    }

    private Pixtral(WeightScope w, PixtralConfig config, PixtralTower tower, IDisposable? files)
        : base(w, config.Common, config.Vision.Hidden, files)
    {
        _config = config;
        _tower = tower;
    }

    /// <inheritdoc/>
    protected override bool TowerTrains => _tower.Trains;

    /// <inheritdoc/>
    protected override IReadOnlyList<int> RowsOfPictures(VisionInput vision) => [.. ((GridVision)vision).Grids.Select(g => g.Count)];

    /// <inheritdoc/>
    protected override long ProjectedRows(VisionInput vision) => ((GridVision)vision).Grids.Sum(g => (long)g.Count);

    /// <inheritdoc/>
    protected override Tensor PictureFeatures(StepScope scope, VisionInput vision, int first, int count)
    {
        var pictures = (GridVision)vision;
        PatchGrid[] grids = [.. pictures.Grids.Skip(first).Take(count)];
        int start = pictures.Grids.Take(first).Sum(g => g.Count), P = grids.Sum(g => g.Count), width = _config.Vision.PatchWidth;
        Tensor patches = scope.From(pictures.Patches.AsSpan(checked(start * width), checked(P * width)), new Shape(P, width));
        scope.RowKeys = RowKeys(scope, pictures.Keys.Length == 0 ? [] : pictures.Keys[start..(start + P)]);
        if (Observer is { } observer)
        {
            observer("vision.last_hidden_state", _tower.Forward(scope, patches, grids, [_config.Vision.Layers], GradientCheckpointing));
        }

        return Project(scope, _tower.Forward(scope, patches, grids, _config.Common.FeatureLayers, GradientCheckpointing));
    }

    /// <inheritdoc/>
    protected override IEnumerable<FlopCount> TowerFlops(VisionInput vision) => _tower.Flops(((GridVision)vision).Grids, _config.Common.FeatureBlocks);
}

/// <summary>The vision tower: patches without learned positions, a norm, gated blocks; no norm behind them.</summary>
internal sealed class PixtralTower
{
    private readonly PixtralVisionConfig _config;
    private readonly Nn.Linear _patches;
    private readonly Nn.RmsNorm _norm;
    private readonly PixtralBlock[] _blocks;

    public PixtralTower(WeightScope w, PixtralVisionConfig config)
    {
        _config = config;
        WeightScope patch = w["patch_conv"];

        // Not registered as a linear layer: in the reference it is a convolution, which "all-linear" doesn't match.
        _patches = new Nn.Linear(
            patch.Path, new Tensors.Storage.DenseWeight(patch.PatchKernel("weight", new Shape(config.Hidden, 3, config.PatchSize, config.PatchSize))), null);
        _norm = w["ln_pre"].RmsNorm(config.Hidden, PixtralVisionConfig.NormEps);
        _blocks = [.. Enumerable.Range(0, config.Layers).Select(i => new PixtralBlock(w["transformer.layers"][i], config))];
    }

    public bool Trains => _patches.Trains || _norm.Trains || _blocks.Any(b => b.Trains);

    /// <summary>Hidden states [P, C for each layer] of some layers of the patches [P, 3 PatchSize PatchSize] of some pictures.</summary>
    public Tensor Forward(StepScope scope, Tensor patches, IReadOnlyList<PatchGrid> grids, IReadOnlyList<int> layers, bool checkpoint)
    {
        int[] rows = [.. grids.SelectMany(g => Enumerable.Range(0, g.Count).Select(p => p / g.Columns))];
        int[] columns = [.. grids.SelectMany(g => Enumerable.Range(0, g.Count).Select(p => p % g.Columns))];
        int half = _config.HeadWidth / 2;
        (Tensor Cos, Tensor Sin) angles = _config.Rotary.Angles(scope, [rows, columns], [.. Enumerable.Range(0, half).Select(i => i / (half / 2))], [rows.Length]);
        AttentionSegments segments = AttentionSegments.Of([.. grids.Select(g => g.Count)], causal: false);
        Tensor Run(Tensor x, int from, int to)
        {
            foreach (PixtralBlock block in _blocks[from..to])
            {
                Tensor input = x;

                // The angles are inputs, so that they are there when the block runs again.
                x = checkpoint && scope.IsRecording
                    ? scope.Checkpoint(inputs => block.Forward(scope, inputs[0], (inputs[1], inputs[2]), segments), block.Trains, input, angles.Cos, angles.Sin)
                    : scope.Frame(() => block.Forward(scope, input, angles, segments));
                scope.Free(input);
            }

            return x;
        }

        return FeatureLayers.Forward(scope, _norm.Forward(scope, _patches.Forward(scope, patches)), layers, Run);
    }

    public IEnumerable<FlopCount> Flops(IReadOnlyList<PatchGrid> grids, int blocks) =>
        _blocks.Take(blocks).SelectMany(b => b.Flops(grids)).Prepend(FlopCount.Of(_patches, grids.Sum(g => (long)g.Count)));
}

/// <summary>A pre-norm block: attention without biases inside a picture, a gated MLP.</summary>
internal sealed class PixtralBlock
{
    private readonly PixtralVisionConfig _config;
    private readonly Nn.RmsNorm _attentionNorm, _mlpNorm;
    private readonly Nn.Linear _q, _k, _v, _out;
    private readonly GatedMlp _mlp;
    private readonly string _path;

    public PixtralBlock(WeightScope w, PixtralVisionConfig c)
    {
        _config = c;
        int C = c.Hidden;
        WeightScope a = w["attention"], m = w["feed_forward"];
        _path = a.Path;
        _attentionNorm = w["attention_norm"].RmsNorm(C, PixtralVisionConfig.NormEps);
        _mlp = new GatedMlp(m["gate_proj"].Linear(C, c.MlpWidth, false), m["up_proj"].Linear(C, c.MlpWidth, false), m["down_proj"].Linear(c.MlpWidth, C, false), c.Activation);
        _q = a["q_proj"].Linear(C, C, false);
        _k = a["k_proj"].Linear(C, C, false);
        _v = a["v_proj"].Linear(C, C, false);
        _out = a["o_proj"].Linear(C, C, false);
        _mlpNorm = w["ffn_norm"].RmsNorm(C, PixtralVisionConfig.NormEps);
    }

    public bool Trains => _mlp.Linears.Concat([_q, _k, _v, _out]).Any(l => l.Trains) || _attentionNorm.Trains || _mlpNorm.Trains;

    public IEnumerable<FlopCount> Flops(IReadOnlyList<PatchGrid> grids)
    {
        long P = grids.Sum(g => (long)g.Count);
        double attention = grids.Sum(g => (double)g.Count * g.Count) * 2 * _config.Hidden;
        return
        [
            FlopCount.Of(_q, P), FlopCount.Of(_k, P, true), FlopCount.Of(_v, P, true), new FlopCount(_path, P, attention, null), FlopCount.Of(_out, P),
            FlopCount.Of(_mlp.Gate, P), FlopCount.Of(_mlp.Up, P, true), FlopCount.Of(_mlp.Down, P),
        ];
    }

    /// <summary>The block on x [P, C].</summary>
    public Tensor Forward(StepScope scope, Tensor x, (Tensor Cos, Tensor Sin) angles, AttentionSegments segments)
    {
        Tensor h = Add.Forward(scope, x, scope.Frame(() => Attend(scope, _attentionNorm.Forward(scope, x), angles, segments)));
        return Add.Forward(scope, h, scope.Frame(() => _mlp.Forward(scope, _mlpNorm.Forward(scope, h))));
    }

    private Tensor Attend(StepScope scope, Tensor x, (Tensor Cos, Tensor Sin) angles, AttentionSegments segments)
    {
        var heads = new Shape(x.Shape[0], _config.Heads, _config.HeadWidth);
        Tensor q = Rope.Forward(scope, RopePairing.HalfSplit, Reshape.Forward(scope, _q.Forward(scope, x), heads), angles.Cos, angles.Sin);
        Tensor k = Rope.Forward(scope, RopePairing.HalfSplit, Reshape.Forward(scope, _k.Forward(scope, x), heads), angles.Cos, angles.Sin);
        Tensor v = Reshape.Forward(scope, _v.Forward(scope, x), heads);
        Tensor y = Tensors.Ops.Attention.Forward(scope, q, k, v, segments, new AttentionOptions(1f / MathF.Sqrt(_config.HeadWidth)));
        return _out.Forward(scope, Reshape.Forward(scope, y, x.Shape));
    }
}

/// <summary>Sizes of a Pixtral model.</summary>
/// <param name="Vision">The tower.</param>
/// <param name="Common">Projector, decoder, tokens.</param>
public sealed record PixtralConfig(PixtralVisionConfig Vision, ProjectedModelConfig Common)
{
    /// <summary>Reads config.json.</summary>
    /// <exception cref="InvalidDataException">A key is missing or has an unusable value.</exception>
    public static PixtralConfig From(ConfigSection c)
    {
        PixtralVisionConfig vision = PixtralVisionConfig.From(c.Section("vision_config"));
        ProjectedModelConfig common = ProjectedModelConfig.From(c, vision.Layers);
        return common.DropsFirstRow
            ? throw c.Wrong("vision_feature_select_strategy", "full: this tower has no class token to drop")
            : new PixtralConfig(vision, common);
    }
}

/// <summary>Sizes of a Pixtral vision tower.</summary>
/// <param name="Hidden">C.</param>
/// <param name="Layers">L.</param>
/// <param name="Heads">H, dividing C.</param>
/// <param name="MlpWidth">F.</param>
/// <param name="Activation">Of the gates.</param>
/// <param name="PatchSize">Edge of a patch in pixels.</param>
/// <param name="MostPatches">Patches along an edge that the positions reach.</param>
/// <param name="Rotary">Angles: those of rows, then those of columns.</param>
public sealed record PixtralVisionConfig(
    int Hidden, int Layers, int Heads, int MlpWidth, ActivationKind Activation, int PatchSize, int MostPatches, RotaryEmbedding Rotary)
{
    /// <summary>Of all norms.</summary>
    public const float NormEps = 1e-5f;

    /// <summary>D.</summary>
    public int HeadWidth => Hidden / Heads;

    /// <summary>Values of a patch.</summary>
    public int PatchWidth => 3 * PatchSize * PatchSize;

    /// <summary>Reads the vision part of config.json; sizes that are missing have the defaults of the reference's configuration class.</summary>
    /// <exception cref="InvalidDataException">A key has an unusable value.</exception>
    public static PixtralVisionConfig From(ConfigSection c)
    {
        int hidden = c.Int("hidden_size", 1024), heads = c.Int("num_attention_heads", 16), patch = c.Int("patch_size", 16);
        if (heads < 1 || hidden % (4 * heads) != 0)
        {
            throw c.Wrong("num_attention_heads", FormattableString.Invariant($"a number that makes heads of a multiple of 4 columns out of hidden_size ({hidden})"));
        }

        int width = hidden / heads, most = patch < 1 ? 0 : c.Int("image_size", 1024) / patch;
        if (c.Int("head_dim", width) != width)
        {
            throw c.Wrong("head_dim", FormattableString.Invariant($"{width}, hidden_size over num_attention_heads"));
        }

        if (most < 1)
        {
            throw c.Wrong("patch_size", "a positive number up to image_size");
        }

        if (c.Int("num_channels", 3) != 3)
        {
            throw c.Wrong("num_channels", "3");
        }

        return new PixtralVisionConfig(
            hidden,
            c.Int("num_hidden_layers", 24),
            heads,
            c.Int("intermediate_size", 4096),
            Activations.Named(c, "hidden_act", "gelu"),
            patch,
            most,
            RotaryEmbedding.FromConfig(c.Json, width).EvenThenOdd());
    }
}
