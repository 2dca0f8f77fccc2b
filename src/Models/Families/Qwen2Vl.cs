using Lorikeet.Models.Backbones;
using Lorikeet.Nn;
using Lorikeet.Nn.Weights;
using Lorikeet.Tensors;
using Lorikeet.Tensors.Ops;

namespace Lorikeet.Models.Families;

/// <summary>
/// Qwen2-VL: pictures of any resolution as patches with rotary positions on two axes, 2 x 2 patches merged into one feature, a Qwen2
/// decoder with positions on three axes.
/// </summary>
/// <remarks>
/// Source: Wang et al. 2024, "Qwen2-VL: Enhancing vision-language model's perception of the world at any resolution"; behaviour of
/// transformers' <c>Qwen2VLForConditionalGeneration</c>. Checkpoints: Qwen/Qwen2-VL-2B/7B/72B-Instruct. Known deviation: no video.
/// </remarks>
public sealed class Qwen2Vl : GridVisionModel
{
    private readonly Qwen2VlConfig _config;
    private readonly PatchBlock[] _blocks;
    private readonly Nn.LayerNorm _mergerNorm;
    private readonly Mlp _merger;

    /// <summary>Builds the model.</summary>
    /// <param name="w">Root of the weights.</param>
    /// <param name="config">Sizes.</param>
    /// <param name="files">Files to close with the model, or null.</param>
    public Qwen2Vl(WeightScope w, Qwen2VlConfig config, IDisposable? files)
        : base(w, config.Common, patchBias: false, files)
    {
        _config = config;
        int C = config.Common.Width, merged = C * MergeArea;
        WeightScope visual = w["model.visual"], merger = visual["merger"];
        _blocks = [.. Enumerable.Range(0, config.Depth).Select(i => Block(visual["blocks"][i], config))];
        _mergerNorm = merger["ln_q"].LayerNorm(C, Qwen2VlConfig.NormEps);
        _merger = new Mlp(merger["mlp"][0].Linear(merged, merged, bias: true), merger["mlp"][2].Linear(merged, config.Common.Text.Hidden, bias: true), ActivationKind.GeluErf);
    }

    /// <inheritdoc/>
    protected override bool TowerTrains => _blocks.Any(b => b.Trains) || _merger.Linears.Any(l => l.Trains) || _mergerNorm.Weight.IsTrained;

    /// <inheritdoc/>
    protected override IReadOnlyList<Tensor> TowerFeatures(StepScope scope, Tensor x, IReadOnlyList<PatchGrid> grids)
    {
        (int[] rows, int[] columns) = Places(grids);
        (Tensor, Tensor) angles = PatchBlock.Angles(scope, _config.Common.Width / _config.Heads, rows, columns);
        AttentionSegments segments = AttentionSegments.Of(FrameLengths(grids), causal: false);
        foreach (PatchBlock block in _blocks)
        {
            x = Run(scope, block, x, angles, segments);
        }

        Observer?.Invoke("vision.last_hidden_state", x);
        x = Reshape.Forward(scope, _mergerNorm.Forward(scope, x), new Shape(x.Shape[0] / MergeArea, _config.Common.Width * MergeArea));
        UseMergedKeys(scope);
        return [_merger.Forward(scope, x)];
    }

    /// <inheritdoc/>
    protected override IEnumerable<FlopCount> TowerFlops(IReadOnlyList<PatchGrid> grids)
    {
        int[] lengths = FrameLengths(grids);
        return _blocks.SelectMany(b => b.Flops(lengths)).Concat(_merger.Linears.Select(l => FlopCount.Of(l, lengths.Sum(n => (long)n) / MergeArea)));
    }

    private static PatchBlock Block(WeightScope w, Qwen2VlConfig config)
    {
        int C = config.Common.Width;
        (INorm, INorm) norms = (w["norm1"].LayerNorm(C, Qwen2VlConfig.NormEps), w["norm2"].LayerNorm(C, Qwen2VlConfig.NormEps));
        var mlp = new Mlp(w["mlp"]["fc1"].Linear(C, config.MlpWidth, bias: true), w["mlp"]["fc2"].Linear(config.MlpWidth, C, bias: true), config.Activation);
        return new PatchBlock(w, C, config.Heads, norms, mlp);
    }
}

/// <summary>Sizes of a Qwen2-VL model.</summary>
/// <param name="Common">Patches, decoder, tokens.</param>
/// <param name="Depth">Blocks of the tower.</param>
/// <param name="Heads">Heads of the tower.</param>
/// <param name="MlpWidth">Width of the tower's MLPs.</param>
/// <param name="Activation">Of the tower's MLPs.</param>
public sealed record Qwen2VlConfig(GridModelConfig Common, int Depth, int Heads, int MlpWidth, ActivationKind Activation)
{
    /// <summary>Of the tower's norms.</summary>
    public const float NormEps = 1e-6f;

    /// <summary>Reads config.json.</summary>
    /// <exception cref="InvalidDataException">A key is missing or has an unusable value.</exception>
    public static Qwen2VlConfig From(ConfigSection c)
    {
        ConfigSection v = c.Section("vision_config");
        int width = v.Int("embed_dim", 1280), heads = v.Int("num_heads", 16);
        return heads > 0 && width % (4 * heads) == 0
            ? new Qwen2VlConfig(
                GridModelConfig.From(c, "qwen2", width), v.Int("depth", 32), heads, (int)(width * v.Double("mlp_ratio", 4)), Activations.Named(v, "hidden_act", "quick_gelu"))
            : throw v.Wrong("num_heads", FormattableString.Invariant($"a number that makes heads of a multiple of 4 columns out of embed_dim ({width})"));
    }
}
