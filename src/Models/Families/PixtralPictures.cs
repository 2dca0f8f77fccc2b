using Lorikeet.Imaging;
using Lorikeet.Models.Backbones;

namespace Lorikeet.Models.Families;

/// <summary>Pictures that keep their shape: reduced to fit a longest edge, then enlarged to whole patches.</summary>
/// <remarks>Source: transformers 5, <c>PixtralImageProcessor</c> (Pillow backend).</remarks>
internal sealed class PixtralPictures
{
    private readonly PixtralVisionConfig _config;
    private readonly ConfigSection _section;
    private readonly bool _doResize, _doConvertRgb;
    private readonly PixelSize _most;
    private readonly ResizeFilter _filter;
    private readonly Normalizer _normalizer;

    /// <summary>Reads the settings of a preprocessor_config.json.</summary>
    /// <param name="section">Keys as transformers names them.</param>
    /// <param name="config">The tower.</param>
    /// <exception cref="InvalidDataException">A value is unusable or contradicts the model.</exception>
    public PixtralPictures(ConfigSection section, PixtralVisionConfig config)
    {
        _section = section;
        _config = config;
        _doResize = section.Bool("do_resize", true);
        _doConvertRgb = section.Bool("do_convert_rgb", true);
        ConfigSection? size = section.TrySection("size");
        int longest = size?.TryInt("longest_edge") ?? 1024;
        _most = size is not null && !size.Has("longest_edge") ? new PixelSize(size.Int("width"), size.Int("height")) : new PixelSize(longest, longest);
        if (_most.Width < 1 || _most.Height < 1)
        {
            throw section.Wrong("size", "positive edges");
        }

        (int height, int width) = PatchSize(section);
        if (height != config.PatchSize || width != config.PatchSize)
        {
            throw section.Wrong("patch_size", FormattableString.Invariant($"{config.PatchSize} x {config.PatchSize}, as the model's vision_config has it"));
        }

        int filter = section.Int("resample", (int)ResizeFilter.Bicubic);
        _filter = Enum.IsDefined((ResizeFilter)filter) ? (ResizeFilter)filter : throw section.Wrong("resample", "a number from 0 to 5");
        _normalizer = new Normalizer(new NormalizationSettings
        {
            DoRescale = section.Bool("do_rescale", true),
            RescaleFactor = section.Double("rescale_factor", 1.0 / 255.0),
            DoNormalize = section.Bool("do_normalize", true),
            Mean = section.TryDoubles("image_mean") ?? [0.48145466, 0.4578275, 0.40821073],
            Std = section.TryDoubles("image_std") ?? [0.26862954, 0.26130258, 0.27577711],
        });
    }

    /// <summary>The patches of a picture.</summary>
    /// <param name="size">Its size in pixels.</param>
    /// <param name="longestEdge">Instead of the configured size, or null.</param>
    /// <exception cref="InvalidDataException">The picture cannot be cut, or has more patches along an edge than the tower has positions.</exception>
    public PatchGrid Grid(PixelSize size, int? longestEdge)
    {
        int P = _config.PatchSize;
        (int width, int height) = size;
        if (!_doResize && (width % P != 0 || height % P != 0))
        {
            throw new InvalidDataException(FormattableString.Invariant($"the picture has {width} x {height} pixels; with do_resize false both must be multiples of {P}."));
        }

        if (_doResize)
        {
            PixelSize most = longestEdge is { } edge ? new PixelSize(edge, edge) : _most;
            double ratio = Math.Max((double)height / most.Height, (double)width / most.Width);
            (width, height) = ratio > 1 ? ((int)Math.Floor(width / ratio), (int)Math.Floor(height / ratio)) : (width, height);
        }

        if (width < 1 || height < 1)
        {
            throw new InvalidDataException(FormattableString.Invariant($"the picture has {size.Width} x {size.Height} pixels: reduced to fit the model's size nothing is left of its shorter edge. Cut it."));
        }

        var grid = new PatchGrid(1, (height + P - 1) / P, (width + P - 1) / P);
        return Math.Max(grid.Rows, grid.Columns) <= _config.MostPatches
            ? grid
            : throw new InvalidDataException(FormattableString.Invariant(
                $"{_section.File}: a picture of {size.Width} x {size.Height} pixels becomes {grid.Columns} x {grid.Rows} patches; the vision tower has positions for {_config.MostPatches} along an edge. Lower the longest edge."));
    }

    /// <summary>The picture as (3, Height, Width) normalised values at the size of its grid.</summary>
    /// <exception cref="InvalidDataException">The picture is not RGB and may not be converted.</exception>
    public float[] Planes(Image image, PatchGrid grid, AlphaHandling alpha)
    {
        if (!_doConvertRgb && image.Mode != PixelMode.RGB)
        {
            throw new InvalidDataException($"the picture has mode {image.Mode} and do_convert_rgb is false; set it to true or convert the picture.");
        }

        return _normalizer.Apply(Resize.Apply(image.ToRgb(alpha), grid.Columns * _config.PatchSize, grid.Rows * _config.PatchSize, _filter));
    }

    /// <summary>Values made visible again.</summary>
    public Image Visible(ReadOnlySpan<float> planes, PatchGrid grid)
    {
        int width = grid.Columns * _config.PatchSize, height = grid.Rows * _config.PatchSize;
        byte[] rgb = new byte[3 * width * height];
        _normalizer.Restore(planes, width, height, rgb, width);
        return new Image(width, height, PixelMode.RGB, rgb);
    }

    /// <summary>One number, or an object of two.</summary>
    private static (int Height, int Width) PatchSize(ConfigSection section)
    {
        if (section.Find("patch_size") is { ValueKind: System.Text.Json.JsonValueKind.Number })
        {
            return (section.Int("patch_size"), section.Int("patch_size"));
        }

        ConfigSection? both = section.TrySection("patch_size");
        return (both?.Int("height") ?? 16, both?.Int("width") ?? 16);
    }
}
