using Lorikeet.Imaging;
using Lorikeet.Tensors;

namespace Lorikeet.Models.Backbones;

/// <summary>Pictures of a batch as patches of grids of any size.</summary>
/// <param name="FeatureRows">Feature rows per sequence [B].</param>
/// <param name="Grids">Grids of all pictures, in the order of their image tokens.</param>
/// <param name="Patches">[P, patch width] normalised pixels, picture after picture, merge block after merge block.</param>
/// <param name="Keys">Random keys of the patches [P], or empty.</param>
public sealed record GridVision(int[] FeatureRows, IReadOnlyList<PatchGrid> Grids, float[] Patches, long[] Keys) : VisionInput(FeatureRows);

/// <summary>Grids of the pictures of one sample.</summary>
/// <param name="PatchSize">Edge of a patch in pixels.</param>
/// <param name="MergeSize">Edge of a merge block in patches.</param>
/// <param name="Grids">The grid of each picture.</param>
public sealed record GridLayout(int PatchSize, int MergeSize, IReadOnlyList<PatchGrid> Grids) : ImageLayout
{
    /// <inheritdoc/>
    public override IReadOnlyList<PictureShape> Pictures =>
        [.. Grids.Select(g => new PictureShape(g.Columns * PatchSize, g.Rows * PatchSize, g.Count / (MergeSize * MergeSize), g.Count))];
}

/// <summary>Conversations as input of models that see pictures as <see cref="MergedPatches"/>.</summary>
internal sealed class MergedPatchProcessor : Processor
{
    private readonly MergedPatches _pictures;
    private readonly string _imageToken;
    private readonly int _imageTokenId;

    /// <summary>Loads the processor of a directory.</summary>
    /// <param name="directory">The model's directory.</param>
    /// <param name="shape">Patches and merge blocks that the model takes.</param>
    /// <exception cref="InvalidDataException">Processor and model disagree.</exception>
    public MergedPatchProcessor(ModelDirectory directory, PatchShape shape)
        : base(directory)
    {
        _pictures = new MergedPatches(directory.ImageProcessorConfig);
        if ((_pictures.PatchSize, _pictures.TemporalPatchSize, _pictures.MergeSize) != (shape.Size, shape.Frames, shape.MergeSize))
        {
            throw directory.ImageProcessorConfig.Wrong(
                "patch_size", FormattableString.Invariant($"{shape.Size} with temporal_patch_size {shape.Frames} and merge_size {shape.MergeSize}, as the model's vision_config has them"));
        }

        _imageToken = directory.ProcessorConfig?.TryString("image_token") ?? directory.SpecialTokens.GetValueOrDefault("image_token", "<|image_pad|>");
        _imageTokenId = Tokenizer.TokenToId(_imageToken)
            ?? throw new InvalidDataException($"{directory.TokenizerPath}: the tokenizer has no token {_imageToken}");
    }

    /// <summary>Whether tokens have positions on three axes, which the reference's processor then gives too.</summary>
    public bool HasAxes { get; init; } = true;

    /// <inheritdoc/>
    protected override bool TakesPixelRange => true;

    /// <inheritdoc/>
    public override IReadOnlyDictionary<string, (Array Values, long[] Shape)> ReferenceImages(IReadOnlyList<EncodedSample> samples)
    {
        int longest = samples.Max(s => s.Ids.Length), B = samples.Count;
        long[] types = new long[B * longest];
        for (int b = 0; b < B; b++)
        {
            for (int i = 0; i < samples[b].Ids.Length; i++)
            {
                types[(b * longest) + i] = samples[b].Ids[i] == _imageTokenId ? 1 : 0;
            }
        }

        var values = new Dictionary<string, (Array, long[])> { ["mm_token_type_ids"] = (types, [B, longest]) };
        PatchGrid[] grids = [.. samples.SelectMany(GridsOf)];
        if (grids.Length > 0)
        {
            float[] pixels = [.. samples.SelectMany(PixelsOf)];
            values["pixel_values"] = (pixels, [pixels.Length / _pictures.PatchWidth, _pictures.PatchWidth]);
            values["image_grid_thw"] = (grids.SelectMany(g => new long[] { g.Frames, g.Rows, g.Columns }).ToArray(), [grids.Length, 3]);
            if (HasAxes)
            {
                AddPositions(samples, longest, values);
            }
        }

        return values;
    }

    /// <inheritdoc/>
    public override IReadOnlyList<Image> Visible(EncodedSample sample)
    {
        float[] pixels = PixelsOf(sample);
        var images = new List<Image>();
        int start = 0;
        foreach (PatchGrid grid in GridsOf(sample))
        {
            images.Add(_pictures.Visible(pixels.AsSpan(start), grid));
            start += grid.Count * _pictures.PatchWidth;
        }

        return images;
    }

    /// <inheritdoc/>
    protected override ImageLayout Layout(IReadOnlyList<PixelSize> sizes, ImageOptions options) =>
        new GridLayout(_pictures.PatchSize, _pictures.MergeSize, [.. sizes.Select(size => _pictures.Grid(size, options))]);

    /// <inheritdoc/>
    protected override object Pixels(IReadOnlyList<Image> images, ImageLayout layout, ImageOptions options)
    {
        IReadOnlyList<PatchGrid> grids = ((GridLayout)layout).Grids;
        float[] patches = new float[checked(grids.Sum(g => g.Count) * _pictures.PatchWidth)];
        int start = 0;
        for (int i = 0; i < images.Count; i++)
        {
            int values = grids[i].Count * _pictures.PatchWidth;
            _pictures.Write(images[i], grids[i], options.Alpha, patches.AsSpan(start, values));
            start += values;
        }

        return patches;
    }

    /// <inheritdoc/>
    protected override object BlankPixels(IReadOnlyList<PixelSize> sizes, ImageLayout layout, ImageOptions options) =>
        new float[checked(((GridLayout)layout).Grids.Sum(g => g.Count) * _pictures.PatchWidth)];

    /// <inheritdoc/>
    protected override ExpandedText Expand(string text, ImageLayout? layout)
    {
        IReadOnlyList<PictureShape> pictures = layout?.Pictures ?? [];
        return ExpandedText.Replace(text, _imageToken, pictures.Count, i => ExpandedText.Repeat(_imageToken, pictures[i].Tokens));
    }

    /// <inheritdoc/>
    protected override VisionInput? CollateImages(IReadOnlyList<EncodedSample> samples, IReadOnlyList<ulong>? keys)
    {
        PatchGrid[] grids = [.. samples.SelectMany(GridsOf)];
        if (grids.Length == 0)
        {
            return null;
        }

        var patchKeys = new List<long>();
        for (int b = 0; keys is not null && b < samples.Count; b++)
        {
            int patches = GridsOf(samples[b]).Sum(g => g.Count);
            for (int p = 0; p < patches; p++)
            {
                // Odd second part: never equal to the key of a token.
                patchKeys.Add((long)Rng.Key(keys[b], (ulong)p, 1));
            }
        }

        int[] rows = [.. samples.Select(s => s.Layout?.Pictures.Sum(p => p.Tokens) ?? 0)];
        return new GridVision(rows, grids, samples.Count == 1 ? PixelsOf(samples[0]) : [.. samples.SelectMany(PixelsOf)], [.. patchKeys]);
    }

    private void AddPositions(IReadOnlyList<EncodedSample> samples, int longest, Dictionary<string, (Array Values, long[] Shape)> values)
    {
        int B = samples.Count;
        long[] positions = new long[3 * B * longest], deltas = new long[B];
        for (int b = 0; b < B; b++)
        {
            var tokens = new TokenBatch(samples[b].Ids, samples[b].Labels, [samples[b].Ids.Length], []);
            GridPositions found = GridPositions.Of(tokens, GridsOf(samples[b]), _imageTokenId, _pictures.MergeSize, null);
            deltas[b] = found.Shifts[0];
            for (int axis = 0; axis < 3; axis++)
            {
                for (int i = 0; i < samples[b].Ids.Length; i++)
                {
                    positions[(((axis * B) + b) * longest) + i] = found.Axes[axis][i];
                }
            }
        }

        values["mrope.position_ids"] = (positions, [3, B, longest]);
        values["mrope.deltas"] = (deltas, [B, 1]);
    }

    private static IReadOnlyList<PatchGrid> GridsOf(EncodedSample sample) => ((GridLayout?)sample.Layout)?.Grids ?? [];

    private static float[] PixelsOf(EncodedSample sample) => (float[]?)sample.Pixels ?? [];
}
