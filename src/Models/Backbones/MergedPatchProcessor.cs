using Lorikeet.Imaging;
using Lorikeet.Imaging.Video;
using Lorikeet.Tensors;

namespace Lorikeet.Models.Backbones;

/// <summary>Pictures of a batch as patches of grids of any size.</summary>
/// <param name="FeatureRows">Feature rows per sequence [B].</param>
/// <param name="Grids">Grids of all pictures, in the order of their image tokens.</param>
/// <param name="Patches">[P, patch width] normalised pixels, picture after picture, merge block after merge block.</param>
/// <param name="Keys">Random keys of the patches [P], or empty.</param>
public sealed record GridVision(int[] FeatureRows, IReadOnlyList<PatchGrid> Grids, float[] Patches, long[] Keys) : VisionInput(FeatureRows);

/// <summary>Conversations as input of models that see pictures as <see cref="MergedPatches"/>.</summary>
internal sealed class MergedPatchProcessor : Processor
{
    private readonly MergedPatches _pictures;
    private readonly VideoRule? _videos;
    private readonly (string Text, int Id) _image;
    private readonly (string Text, int Id) _video = ("", -1);

    /// <summary>Loads the processor of a directory.</summary>
    /// <param name="directory">The model's directory.</param>
    /// <param name="shape">Patches and merge blocks that the model takes.</param>
    /// <param name="videos">How the family sees videos; null where it does not. A tokenizer without a video token takes none either.</param>
    /// <exception cref="InvalidDataException">Processor and model disagree.</exception>
    public MergedPatchProcessor(ModelDirectory directory, PatchShape shape, VideoRule? videos = null)
        : base(directory)
    {
        _pictures = new MergedPatches(directory.ImageProcessorConfig);
        RequireShape(_pictures, directory.ImageProcessorConfig, shape);
        _image = Token("image_token", "<|image_pad|>", out string text) ?? throw new InvalidDataException($"{directory.TokenizerPath}: the tokenizer has no token {text}");
        if (videos is not null && Token("video_token", "<|video_pad|>", out _) is { } video)
        {
            RequireShape(videos.Patches, directory.VideoProcessorConfig ?? directory.ImageProcessorConfig, shape);
            (_videos, _video) = (videos, video);
        }
    }

    /// <summary>Whether tokens have positions on three axes, which the reference's processor then gives too.</summary>
    public bool HasAxes { get; init; } = true;

    /// <inheritdoc/>
    public override bool TakesVideos => _videos is not null;

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
                types[(b * longest) + i] = samples[b].Ids[i] == _image.Id ? 1 : samples[b].Ids[i] == _video.Id ? 2 : 0;
            }
        }

        var values = new Dictionary<string, (Array, long[])> { ["mm_token_type_ids"] = (types, [B, longest]) };
        AddPixels(samples, isVideo: false, ("pixel_values", "image_grid_thw"), values);
        AddPixels(samples, isVideo: true, ("pixel_values_videos", "video_grid_thw"), values);
        if (HasAxes && samples.Any(s => GridsOf(s).Count > 0))
        {
            AddPositions(samples, longest, values);
        }

        return values;
    }

    /// <inheritdoc/>
    public override IReadOnlyList<Image> Visible(EncodedSample sample)
    {
        var images = new List<Image>();
        foreach ((GridPicture picture, ReadOnlyMemory<float> pixels) in Parts(sample))
        {
            images.Add(picture.IsVideo ? _videos!.ContactSheet(picture, pixels.Span) : _pictures.Visible(pixels.Span, picture.Grids[0]));
        }

        return images;
    }

    /// <inheritdoc/>
    protected override ImageLayout Layout(IReadOnlyList<PixelSize> sizes, ImageOptions options) => Layout(new MediaSizes(sizes, []).InOrderOf([]), options);

    /// <inheritdoc/>
    protected override ImageLayout Layout(MediaSizes media, ImageOptions options)
    {
        int image = 0, video = 0;
        return new GridLayout(_pictures.PatchSize, _pictures.MergeSize, [.. media.IsVideo.Select(
            isVideo => isVideo ? _videos!.Layout(media.Videos[video++], options) : new GridPicture([_pictures.Grid(media.Images[image++], options)]))]);
    }

    /// <inheritdoc/>
    protected override object Pixels(IReadOnlyList<Image> images, ImageLayout layout, ImageOptions options) => Pixels(images, [], layout, options);

    /// <inheritdoc/>
    protected override object Pixels(IReadOnlyList<Image> images, IReadOnlyList<VideoClip> videos, ImageLayout layout, ImageOptions options)
    {
        IReadOnlyList<GridPicture> seen = ((GridLayout)layout).Seen;
        float[] patches = new float[checked(seen.Sum(p => p.Patches) * _pictures.PatchWidth)];
        int start = 0, image = 0, video = 0;
        foreach (GridPicture picture in seen)
        {
            Span<float> values = patches.AsSpan(start, picture.Patches * _pictures.PatchWidth);
            if (picture.IsVideo)
            {
                _videos!.Write(videos[video++], picture, options.Alpha, values);
            }
            else
            {
                _pictures.Write(images[image++], picture.Grids[0], options.Alpha, values);
            }

            start += values.Length;
        }

        return patches;
    }

    /// <inheritdoc/>
    protected override object BlankPixels(IReadOnlyList<PixelSize> sizes, ImageLayout layout, ImageOptions options) =>
        new float[checked(((GridLayout)layout).Grids.Sum(g => g.Count) * _pictures.PatchWidth)];

    /// <inheritdoc/>
    protected override ExpandedText Expand(string text, ImageLayout? layout)
    {
        var grids = (GridLayout?)layout;
        IReadOnlyList<GridPicture> seen = grids?.Seen ?? [];
        GridPicture[] videos = [.. seen.Where(p => p.IsVideo)], pictures = [.. seen.Where(p => !p.IsVideo)];
        var image = new Placeholder(_image.Text, "picture", pictures.Length, i => ExpandedText.Repeat(_image.Text, grids!.Tokens(pictures[i])));
        return _videos is null ? ExpandedText.Replace(text, image) : ExpandedText.Replace(
            text,
            image,
            new Placeholder(VideoText.Place(_video.Text, videos.Any(v => v.Times.Count > 0)), "video", videos.Length, i => VideoText.Of(videos[i], _video.Text, grids!.Tokens(videos[i]))));
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

    private void AddPixels(IReadOnlyList<EncodedSample> samples, bool isVideo, (string Pixels, string Grids) names, Dictionary<string, (Array Values, long[] Shape)> values)
    {
        (GridPicture Picture, ReadOnlyMemory<float> Pixels)[] parts = [.. samples.SelectMany(Parts).Where(p => p.Picture.IsVideo == isVideo)];
        if (parts.Length == 0)
        {
            return;
        }

        float[] pixels = [.. parts.SelectMany(p => p.Pixels.ToArray())];
        values[names.Pixels] = (pixels, [pixels.Length / _pictures.PatchWidth, _pictures.PatchWidth]);
        long[] grids = [.. parts.SelectMany(p => new long[] { p.Picture.Grids.Sum(g => g.Frames), p.Picture.Grids[0].Rows, p.Picture.Grids[0].Columns })];
        values[names.Grids] = (grids, [parts.Length, 3]);
    }

    private void AddPositions(IReadOnlyList<EncodedSample> samples, int longest, Dictionary<string, (Array Values, long[] Shape)> values)
    {
        int B = samples.Count;
        long[] positions = new long[3 * B * longest], deltas = new long[B];
        for (int b = 0; b < B; b++)
        {
            var tokens = new TokenBatch(samples[b].Ids, samples[b].Labels, [samples[b].Ids.Length], []);
            GridPositions found = GridPositions.Of(tokens, GridsOf(samples[b]), id => id == _image.Id || id == _video.Id, _pictures.MergeSize, null);
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

    private (string Text, int Id)? Token(string role, string usual, out string text)
    {
        text = Directory.ProcessorConfig?.TryString(role) ?? Directory.SpecialTokens.GetValueOrDefault(role, usual);
        return Tokenizer.TokenToId(text) is { } id ? (text, id) : null;
    }

    private static void RequireShape(MergedPatches patches, ConfigSection section, PatchShape shape)
    {
        if ((patches.PatchSize, patches.TemporalPatchSize, patches.MergeSize) != (shape.Size, shape.Frames, shape.MergeSize))
        {
            throw section.Wrong(
                "patch_size", FormattableString.Invariant($"{shape.Size} with temporal_patch_size {shape.Frames} and merge_size {shape.MergeSize}, as the model's vision_config has them"));
        }
    }

    /// <summary>The pictures and videos of a sample with their pixels.</summary>
    private IEnumerable<(GridPicture Picture, ReadOnlyMemory<float> Pixels)> Parts(EncodedSample sample)
    {
        int start = 0;
        foreach (GridPicture picture in ((GridLayout?)sample.Layout)?.Seen ?? [])
        {
            int length = picture.Patches * _pictures.PatchWidth;
            yield return (picture, PixelsOf(sample).AsMemory(start, length));
            start += length;
        }
    }

    private static IReadOnlyList<PatchGrid> GridsOf(EncodedSample sample) => ((GridLayout?)sample.Layout)?.Grids ?? [];

    private static float[] PixelsOf(EncodedSample sample) => (float[]?)sample.Pixels ?? [];
}
