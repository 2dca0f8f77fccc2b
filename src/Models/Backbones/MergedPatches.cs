using Lorikeet.Imaging;

namespace Lorikeet.Models.Backbones;

/// <summary>The patch grid of one picture.</summary>
/// <param name="Frames">Temporal patches; 1 for a picture.</param>
/// <param name="Rows">Patches per column.</param>
/// <param name="Columns">Patches per row.</param>
public readonly record struct PatchGrid(int Frames, int Rows, int Columns)
{
    /// <summary>Number of patches.</summary>
    public int Count => Frames * Rows * Columns;

    /// <summary>How far apart on the axis of time the positions of two temporal patches are; where that is no whole number, it is rounded down.</summary>
    public double TimeStep { get; init; } = 1;

    /// <summary>Position of a temporal patch on the axis of time, from the video's start.</summary>
    /// <param name="frame">Which.</param>
    public int TimeOf(int frame) => (int)(frame * TimeStep);

    /// <summary>The grid of each temporal patch.</summary>
    public IEnumerable<PatchGrid> EachFrame() => Enumerable.Repeat(new PatchGrid(1, Rows, Columns), Frames);
}

/// <summary>
/// Pictures of any resolution as patches: resized so that both edges are multiples of a merged patch and the area lies in a range, and
/// cut into patches that stand merge block after merge block. A picture fills all frames of a temporal patch.
/// </summary>
/// <remarks>Source: transformers 5, <c>Qwen2VLImageProcessor</c> and its <c>smart_resize</c> (Pillow backend).</remarks>
public sealed class MergedPatches
{
    private const int MostElongated = 200;
    private readonly ConfigSection _section;
    private readonly ResizeFilter _filter;
    private readonly bool _doResize, _doConvertRgb;

    /// <summary>Reads the settings of a preprocessor_config.json.</summary>
    /// <param name="section">Keys as transformers names them.</param>
    /// <exception cref="InvalidDataException">A value is unusable.</exception>
    public MergedPatches(ConfigSection section)
    {
        ArgumentNullException.ThrowIfNull(section);
        _section = section;
        ConfigSection? size = section.TrySection("size");
        MinPixels = section.TryInt("min_pixels") ?? size?.TryInt("shortest_edge") ?? size?.TryInt("min_pixels") ?? 56 * 56;
        MaxPixels = section.TryInt("max_pixels") ?? size?.TryInt("longest_edge") ?? size?.TryInt("max_pixels") ?? 28 * 28 * 1280;
        PatchSize = Positive("patch_size", 14);
        MergeSize = Positive("merge_size", 2);
        TemporalPatchSize = Positive("temporal_patch_size", 2);
        _doResize = section.Bool("do_resize", true);
        _doConvertRgb = section.Bool("do_convert_rgb", true);
        int filter = section.Int("resample", (int)ResizeFilter.Bicubic);
        _filter = Enum.IsDefined((ResizeFilter)filter) ? (ResizeFilter)filter : throw section.Wrong("resample", "a number from 0 to 5");
        Normalizer = new Normalizer(new NormalizationSettings
        {
            DoRescale = section.Bool("do_rescale", true),
            RescaleFactor = section.Double("rescale_factor", 1.0 / 255.0),
            DoNormalize = section.Bool("do_normalize", true),
            Mean = section.TryDoubles("image_mean") ?? [0.48145466, 0.4578275, 0.40821073],
            Std = section.TryDoubles("image_std") ?? [0.26862954, 0.26130258, 0.27577711],
        });
    }

    /// <summary>Least area in pixels.</summary>
    public int MinPixels { get; }

    /// <summary>Greatest area in pixels.</summary>
    public int MaxPixels { get; }

    /// <summary>Edge of a patch in pixels.</summary>
    public int PatchSize { get; }

    /// <summary>Edge of a merge block in patches.</summary>
    public int MergeSize { get; }

    /// <summary>Frames of a patch.</summary>
    public int TemporalPatchSize { get; }

    /// <summary>Edge of a merge block in pixels.</summary>
    public int Unit => PatchSize * MergeSize;

    /// <summary>Whether pictures are resized at all.</summary>
    public bool DoesResize => _doResize;

    /// <summary>Values of a patch.</summary>
    public int PatchWidth => 3 * TemporalPatchSize * PatchSize * PatchSize;

    /// <summary>Rescaling, means and standard deviations.</summary>
    public Normalizer Normalizer { get; }

    /// <summary>The grid of a picture.</summary>
    /// <param name="size">Its size in pixels.</param>
    /// <param name="options">Range of areas, and a longest edge that it is reduced to first.</param>
    /// <exception cref="InvalidDataException">The picture is too elongated, or cannot be cut as it is.</exception>
    public PatchGrid Grid(PixelSize size, ImageOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        (double width, double height) = Reduce(size, options.LongestEdge);
        if (!_doResize)
        {
            return GridAsIs(size);
        }

        (int fitWidth, int fitHeight) = Fit(width, height, Unit, options.MinPixels ?? MinPixels, options.MaxPixels ?? MaxPixels);
        return new PatchGrid(1, fitHeight / PatchSize, fitWidth / PatchSize);
    }

    /// <summary>The grid of a picture that is not resized.</summary>
    /// <exception cref="InvalidDataException">It cannot be cut as it is.</exception>
    public PatchGrid GridAsIs(PixelSize size) => size.Width % Unit == 0 && size.Height % Unit == 0
        ? new PatchGrid(1, size.Height / PatchSize, size.Width / PatchSize)
        : throw new InvalidDataException(FormattableString.Invariant($"the picture has {size.Width} x {size.Height} pixels; with do_resize false both must be multiples of {Unit}."));

    /// <summary>Writes a picture as patches.</summary>
    /// <param name="image">The picture.</param>
    /// <param name="grid">Its grid, of one temporal patch.</param>
    /// <param name="alpha">What becomes of transparency.</param>
    /// <param name="patches">Receives (grid.Count, 3, frames, PatchSize, PatchSize) normalised values.</param>
    /// <exception cref="InvalidDataException">The picture is not RGB and may not be converted.</exception>
    public void Write(Image image, PatchGrid grid, AlphaHandling alpha, Span<float> patches) => Write(image, grid, (0, TemporalPatchSize), alpha, patches);

    /// <summary>Writes a picture into some frames of a temporal patch.</summary>
    /// <param name="image">The picture.</param>
    /// <param name="grid">Its grid, of one temporal patch.</param>
    /// <param name="frames">The first of the frames, and how many.</param>
    /// <param name="alpha">What becomes of transparency.</param>
    /// <param name="patches">Receives its part of (grid.Count, 3, frames, PatchSize, PatchSize) normalised values.</param>
    /// <exception cref="InvalidDataException">The picture is not RGB and may not be converted.</exception>
    public void Write(Image image, PatchGrid grid, (int First, int Count) frames, AlphaHandling alpha, Span<float> patches)
    {
        ArgumentNullException.ThrowIfNull(image);
        if (!_doConvertRgb && image.Mode != PixelMode.RGB)
        {
            throw new InvalidDataException($"the picture has mode {image.Mode} and do_convert_rgb is false; set it to true or convert the picture.");
        }

        int P = PatchSize, width = grid.Columns * P, height = grid.Rows * P, plane = width * height;
        image = image.ToRgb(alpha);
        image = image.Width == width && image.Height == height ? image : Resize.Apply(image, width, height, _filter);
        float[] planes = Normalizer.Apply(image);
        for (int patch = 0; patch < grid.Count; patch++)
        {
            (int row, int column) = Place(grid, patch);
            Span<float> values = patches.Slice(patch * PatchWidth, PatchWidth);
            for (int channel = 0; channel < 3; channel++)
            {
                for (int y = 0; y < P; y++)
                {
                    ReadOnlySpan<float> line = planes.AsSpan((channel * plane) + (((row * P) + y) * width) + (column * P), P);
                    for (int frame = frames.First; frame < frames.First + frames.Count; frame++)
                    {
                        line.CopyTo(values[(((((channel * TemporalPatchSize) + frame) * P) + y) * P)..]);
                    }
                }
            }
        }
    }

    /// <summary>Row and column on the grid of a patch, by its number in the order of merge blocks.</summary>
    public (int Row, int Column) Place(PatchGrid grid, int patch) => Place(grid, patch, MergeSize);

    /// <summary>Row and column on the grid of a patch, by its number in the order of merge blocks.</summary>
    /// <param name="grid">The grid.</param>
    /// <param name="patch">Number of the patch.</param>
    /// <param name="merge">Edge of a merge block in patches.</param>
    public static (int Row, int Column) Place(PatchGrid grid, int patch, int merge)
    {
        patch %= grid.Rows * grid.Columns;
        int block = patch / (merge * merge), within = patch % (merge * merge), blocks = grid.Columns / merge;
        return ((block / blocks * merge) + (within / merge), (block % blocks * merge) + (within % merge));
    }

    /// <summary>Patches made visible again.</summary>
    /// <param name="patches">The patches of a grid.</param>
    /// <param name="grid">The grid, of one temporal patch.</param>
    /// <param name="frame">Which frame of it.</param>
    public Image Visible(ReadOnlySpan<float> patches, PatchGrid grid, int frame = 0)
    {
        int P = PatchSize, width = grid.Columns * P;
        byte[] rgb = new byte[3 * width * grid.Rows * P];
        float[] planes = new float[3 * P * P];
        for (int patch = 0; patch < grid.Count; patch++)
        {
            (int row, int column) = Place(grid, patch);
            for (int channel = 0; channel < 3; channel++)
            {
                patches.Slice((patch * PatchWidth) + (((channel * TemporalPatchSize) + frame) * P * P), P * P).CopyTo(planes.AsSpan(channel * P * P));
            }

            Normalizer.Restore(planes, P, P, rgb.AsSpan(3 * ((row * P * width) + (column * P))), width);
        }

        return new Image(width, grid.Rows * P, PixelMode.RGB, rgb);
    }

    /// <summary>A size reduced to a longest edge, where there is one.</summary>
    internal static (double Width, double Height) Reduce(PixelSize size, int? longestEdge)
    {
        (double width, double height) = (size.Width, size.Height);
        if (longestEdge is { } edge && Math.Max(width, height) > edge)
        {
            double scale = edge / Math.Max(width, height);
            (width, height) = (Math.Max(1, Math.Round(width * scale)), Math.Max(1, Math.Round(height * scale)));
        }

        return (width, height);
    }

    /// <summary>Throws where one side is far longer than the other.</summary>
    internal static void RequireShape(double width, double height)
    {
        if (Math.Max(width, height) / Math.Min(width, height) > MostElongated)
        {
            throw new InvalidDataException(FormattableString.Invariant(
                $"the picture has {width} x {height} pixels: one side is more than {MostElongated} times the other, which this model does not take. Cut it."));
        }
    }

    private static (int Width, int Height) Fit(double width, double height, int unit, int least, int most)
    {
        RequireShape(width, height);

        // Round half to even, as Python does.
        double w = Math.Round(width / unit) * unit, h = Math.Round(height / unit) * unit;
        if (w * h > most)
        {
            double shrink = Math.Sqrt(height * width / most);
            h = Math.Max(unit, Math.Floor(height / shrink / unit) * unit);
            w = Math.Max(unit, Math.Floor(width / shrink / unit) * unit);
        }
        else if (w * h < least)
        {
            double grow = Math.Sqrt(least / (height * width));
            h = Math.Ceiling(height * grow / unit) * unit;
            w = Math.Ceiling(width * grow / unit) * unit;
        }

        return ((int)w, (int)h);
    }

    private int Positive(string key, int otherwise)
    {
        int value = _section.Int(key, otherwise);
        return value > 0 ? value : throw _section.Wrong(key, "a positive number");
    }
}
