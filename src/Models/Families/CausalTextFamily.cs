using Lorikeet.Imaging;
using Lorikeet.Nn.Weights;

namespace Lorikeet.Models.Families;

/// <summary>Model types of text models for the catalog.</summary>
internal sealed class CausalTextFamily : Family
{
    public static readonly CausalTextFamily Instance = new();

    /// <inheritdoc/>
    public override VisionLanguageModel Build(WeightScope weights, ConfigSection config, IDisposable? files) => new CausalText(weights, config, files);

    /// <inheritdoc/>
    public override Processor Processor(ModelDirectory directory) => new CausalTextInputs(directory);

    /// <summary>A tied head may be stored once more; older files hold the table of angles.</summary>
    public override bool MayIgnore(string key, ConfigSection config) =>
        (key == "lm_head.weight" && config.Bool("tie_word_embeddings", false)) || key.EndsWith("rotary_emb.inv_freq", StringComparison.Ordinal);
}

/// <summary>Conversations of text as input of <see cref="CausalText"/>.</summary>
/// <param name="directory">The model's directory.</param>
internal sealed class CausalTextInputs(ModelDirectory directory) : Processor(directory)
{
    /// <inheritdoc/>
    public override IReadOnlyDictionary<string, (Array Values, long[] Shape)> ReferenceImages(IReadOnlyList<EncodedSample> samples) =>
        new Dictionary<string, (Array, long[])>();

    /// <inheritdoc/>
    public override IReadOnlyList<Image> Visible(EncodedSample sample) => [];

    /// <inheritdoc/>
    protected override ImageLayout Layout(IReadOnlyList<PixelSize> sizes, ImageOptions options) => throw NoPictures(sizes.Count);

    /// <inheritdoc/>
    protected override object Pixels(IReadOnlyList<Image> images, ImageLayout layout, ImageOptions options) => throw NoPictures(images.Count);

    /// <inheritdoc/>
    protected override ExpandedText Expand(string text, ImageLayout? layout) => new(text, []);

    /// <inheritdoc/>
    protected override VisionInput? CollateImages(IReadOnlyList<EncodedSample> samples, IReadOnlyList<ulong>? keys) => null;

    private InvalidDataException NoPictures(int count) => new(FormattableString.Invariant(
        $"the sample has {count} pictures, but {Directory.Path} is a text model ({Directory.ModelType}). Leave the pictures out, or use a vision-language model."));
}
