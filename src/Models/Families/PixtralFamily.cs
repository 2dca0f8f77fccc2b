using System.Text;
using Lorikeet.Imaging;
using Lorikeet.Models.Backbones;
using Lorikeet.Nn.Weights;
using Lorikeet.Tensors;

namespace Lorikeet.Models.Families;

/// <summary>A Pixtral tower, for the catalog.</summary>
internal sealed class PixtralFamily : Family
{
    public static readonly PixtralFamily Instance = new();

    /// <inheritdoc/>
    public override IReadOnlyList<NameRule> Renames { get; } = [new("vision_tower.", "model.vision_tower."), .. ProjectedModel.OlderNames];

    /// <inheritdoc/>
    public override VisionLanguageModel Build(WeightScope weights, ConfigSection config, IDisposable? files) => new Pixtral(weights, PixtralConfig.From(config), files);

    /// <inheritdoc/>
    public override Processor Processor(ModelDirectory directory) => new PixtralInputs(directory);

    /// <inheritdoc/>
    public override bool MayIgnore(string key, ConfigSection config) => IsHead(key) && PixtralConfig.From(config).Common.TieWordEmbeddings;
}

/// <summary>Conversations as input of <see cref="Pixtral"/>.</summary>
internal sealed class PixtralInputs : Processor
{
    private readonly PixtralPictures _pictures;
    private readonly PixtralVisionConfig _config;
    private readonly string _imageToken, _breakToken, _endToken;

    public PixtralInputs(ModelDirectory directory)
        : base(directory)
    {
        PixtralConfig config = PixtralConfig.From(directory.Config);
        _config = config.Vision;
        _pictures = new PixtralPictures(directory.ImageProcessorConfig, _config);
        ConfigSection? processor = directory.ProcessorConfig;
        if (processor?.TryInt("spatial_merge_size") is not (null or 1))
        {
            throw processor.Wrong("spatial_merge_size", "1: this model doesn't merge patches");
        }

        _imageToken = processor?.TryString("image_token") ?? "[IMG]";
        _breakToken = processor?.TryString("image_break_token") ?? "[IMG_BREAK]";
        _endToken = processor?.TryString("image_end_token") ?? "[IMG_END]";
        foreach (string token in new[] { _imageToken, _breakToken, _endToken })
        {
            _ = Tokenizer.TokenToId(token) ?? throw new InvalidDataException($"{directory.TokenizerPath}: the tokenizer has no token {token}, which the processor puts around patches.");
        }
    }

    /// <inheritdoc/>
    public override IReadOnlyDictionary<string, (Array Values, long[] Shape)> ReferenceImages(IReadOnlyList<EncodedSample> samples)
    {
        (PatchGrid Grid, float[] Planes)[] all = [.. samples.SelectMany(s => GridsOf(s).Zip(PixelsOf(s)))];
        if (all.Length == 0)
        {
            return new Dictionary<string, (Array, long[])>();
        }

        int P = _config.PatchSize, height = all.Max(p => p.Grid.Rows) * P, width = all.Max(p => p.Grid.Columns) * P;
        float[] padded = new float[checked(all.Length * 3 * height * width)];
        for (int i = 0; i < all.Length; i++)
        {
            int rows = all[i].Grid.Rows * P, columns = all[i].Grid.Columns * P;
            for (int line = 0; line < 3 * rows; line++)
            {
                int target = ((((i * 3) + (line / rows)) * height) + (line % rows)) * width;
                all[i].Planes.AsSpan(line * columns, columns).CopyTo(padded.AsSpan(target));
            }
        }

        return new Dictionary<string, (Array, long[])>
        {
            ["pixel_values"] = (padded, [all.Length, 3, height, width]),
            ["image_sizes"] = (all.SelectMany(p => new long[] { p.Grid.Rows * P, p.Grid.Columns * P }).ToArray(), [all.Length, 2]),
        };
    }

    /// <inheritdoc/>
    public override IReadOnlyList<Image> Visible(EncodedSample sample) =>
        [.. GridsOf(sample).Zip(PixelsOf(sample), (grid, planes) => _pictures.Visible(planes, grid))];

    /// <inheritdoc/>
    protected override ImageLayout Layout(IReadOnlyList<PixelSize> sizes, ImageOptions options) =>
        new GridLayout(_config.PatchSize, 1, [.. sizes.Select(size => new GridPicture([_pictures.Grid(size, options.LongestEdge)]))]);

    /// <inheritdoc/>
    protected override object Pixels(IReadOnlyList<Image> images, ImageLayout layout, ImageOptions options) =>
        images.Zip(((GridLayout)layout).Grids, (image, grid) => _pictures.Planes(image, grid, options.Alpha)).ToArray();

    /// <inheritdoc/>
    protected override ExpandedText Expand(string text, ImageLayout? layout)
    {
        IReadOnlyList<PatchGrid> grids = ((GridLayout?)layout)?.Grids ?? [];
        return ExpandedText.Replace(text, _imageToken, grids.Count, i => PictureText(grids[i]));
    }

    /// <inheritdoc/>
    protected override VisionInput? CollateImages(IReadOnlyList<EncodedSample> samples, IReadOnlyList<ulong>? keys)
    {
        PatchGrid[] grids = [.. samples.SelectMany(GridsOf)];
        if (grids.Length == 0)
        {
            return null;
        }

        int P = _config.PatchSize, done = 0;
        float[] patches = new float[checked(grids.Sum(g => g.Count) * _config.PatchWidth)];
        var patchKeys = new List<long>();
        for (int b = 0; b < samples.Count; b++)
        {
            int first = done;
            foreach ((PatchGrid grid, float[] planes) in GridsOf(samples[b]).Zip(PixelsOf(samples[b])))
            {
                Patches.Extract(planes, 3, grid.Rows * P, grid.Columns * P, (P, P), patches.AsSpan(done * _config.PatchWidth, grid.Count * _config.PatchWidth));
                done += grid.Count;
            }

            for (int p = 0; keys is not null && p < done - first; p++)
            {
                // Odd second part: never equal to the key of a token.
                patchKeys.Add((long)Rng.Key(keys[b], (ulong)p, 1));
            }
        }

        return new GridVision([.. samples.Select(s => GridsOf(s).Sum(g => g.Count))], grids, patches, [.. patchKeys]);
    }

    private string PictureText(PatchGrid grid)
    {
        string row = ExpandedText.Repeat(_imageToken, grid.Columns);
        var text = new StringBuilder(grid.Rows * (row.Length + _breakToken.Length));
        for (int i = 0; i < grid.Rows; i++)
        {
            text.Append(row).Append(i + 1 < grid.Rows ? _breakToken : _endToken);
        }

        return text.ToString();
    }

    private static IReadOnlyList<PatchGrid> GridsOf(EncodedSample sample) => ((GridLayout?)sample.Layout)?.Grids ?? [];

    private static float[][] PixelsOf(EncodedSample sample) => (float[][]?)sample.Pixels ?? [];
}
