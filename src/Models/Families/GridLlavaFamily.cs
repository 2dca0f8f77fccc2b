using Lorikeet.Models.Backbones;
using Lorikeet.Nn.Weights;

namespace Lorikeet.Models.Families;

/// <summary>Model type <c>lorikeet_grid_llava</c> for the catalog.</summary>
internal sealed class GridLlavaFamily : Family
{
    public static readonly GridLlavaFamily Instance = new();

    /// <inheritdoc/>
    public override VisionLanguageModel Build(WeightScope weights, ConfigSection config, IDisposable? files) => new GridLlava(weights, GridLlavaConfig.From(config), files);

    /// <inheritdoc/>
    public override Processor Processor(ModelDirectory directory) =>
        new MergedPatchProcessor(directory, GridLlavaConfig.From(directory.Config).Patch) { HasAxes = false };
}
