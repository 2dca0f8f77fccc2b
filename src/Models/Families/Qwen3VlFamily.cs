using Lorikeet.Models.Backbones;
using Lorikeet.Nn.Weights;

namespace Lorikeet.Models.Families;

/// <summary>Model type <c>qwen3_vl</c> for the catalog.</summary>
internal sealed class Qwen3VlFamily : Family
{
    public static readonly Qwen3VlFamily Instance = new();

    /// <inheritdoc/>
    public override VisionLanguageModel Build(WeightScope weights, ConfigSection config, IDisposable? files) => new Qwen3Vl(weights, Qwen3VlConfig.From(config), files);

    /// <inheritdoc/>
    public override Processor Processor(ModelDirectory directory) =>
        new MergedPatchProcessor(directory, Qwen3VlConfig.PatchOf(directory.Config.Section("vision_config")), new FrameVolumeVideos(directory));

    /// <summary>A tied head may be stored once more.</summary>
    public override bool MayIgnore(string key, ConfigSection config) => key == "lm_head.weight" && config.Bool("tie_word_embeddings", false);
}
