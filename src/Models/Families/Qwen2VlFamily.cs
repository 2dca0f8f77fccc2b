using Lorikeet.Models.Backbones;
using Lorikeet.Nn.Weights;

namespace Lorikeet.Models.Families;

/// <summary>Model type <c>qwen2_vl</c> for the catalog.</summary>
internal sealed class Qwen2VlFamily : Family
{
    public static readonly Qwen2VlFamily Instance = new();

    /// <summary>Names of transformers 4.</summary>
    public override IReadOnlyList<NameRule> Renames { get; } = [new("visual.", "model.visual."), new("model.", "model.language_model.")];

    /// <inheritdoc/>
    public override VisionLanguageModel Build(WeightScope weights, ConfigSection config, IDisposable? files) => new Qwen2Vl(weights, Qwen2VlConfig.From(config), files);

    /// <inheritdoc/>
    public override Processor Processor(ModelDirectory directory) =>
        new MergedPatchProcessor(directory, PatchShape.From(directory.Config.Section("vision_config")), new FrameAreaVideos(directory, tokensPerSecond: null));

    /// <summary>A tied head may be stored once more.</summary>
    public override bool MayIgnore(string key, ConfigSection config) => key == "lm_head.weight" && config.Bool("tie_word_embeddings", false);
}
