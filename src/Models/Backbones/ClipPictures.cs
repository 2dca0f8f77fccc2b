using Lorikeet.Imaging;

namespace Lorikeet.Models.Backbones;

/// <summary>Pictures of one size, as CLIP's and SigLIP's processors make them: resized, cropped in the middle, normalised.</summary>
/// <remarks>Source: transformers 5, <c>CLIPImageProcessor</c> and <c>SiglipImageProcessor</c> (Pillow backend).</remarks>
public sealed class ClipPictures
{
    private const int DefaultEdge = 224;

    private readonly ConfigSection _section;
    private readonly bool _doResize, _doCrop, _doConvertRgb;
    private readonly int? _shortestEdge;
    private readonly (int Width, int Height)? _fixedSize;
    private readonly (int Width, int Height) _crop;
    private readonly Normalizer _normalizer;

    /// <summary>Reads the settings of a preprocessor_config.json.</summary>
    /// <param name="section">Keys as transformers names them.</param>
    /// <exception cref="InvalidDataException">A value is unusable.</exception>
    public ClipPictures(ConfigSection section)
    {
        ArgumentNullException.ThrowIfNull(section);
        _section = section;
        bool isSiglip = (section.TryString("image_processor_type") ?? "").StartsWith("Siglip", StringComparison.Ordinal);
        _doResize = section.Bool("do_resize", true);
        _doCrop = section.Bool("do_center_crop", !isSiglip);
        _doConvertRgb = section.Bool("do_convert_rgb", true);
        (ConfigSection? size, int? edge) = Size("size");
        _shortestEdge = size is null ? (isSiglip ? null : edge ?? DefaultEdge) : size.TryInt("shortest_edge");
        _fixedSize = _shortestEdge is not null ? null : size is null ? (edge ?? DefaultEdge, edge ?? DefaultEdge) : (size.Int("width"), size.Int("height"));
        (ConfigSection? crop, int? cropEdge) = Size("crop_size");
        _crop = crop is null ? (cropEdge ?? DefaultEdge, cropEdge ?? DefaultEdge) : (crop.Int("width"), crop.Int("height"));
        int filter = section.Int("resample", (int)ResizeFilter.Bicubic);
        Filter = Enum.IsDefined((ResizeFilter)filter) ? (ResizeFilter)filter : throw section.Wrong("resample", "a number from 0 to 5");
        double[] half = [0.5, 0.5, 0.5];
        _normalizer = new Normalizer(new NormalizationSettings
        {
            DoRescale = section.Bool("do_rescale", true),
            RescaleFactor = section.Double("rescale_factor", 1.0 / 255.0),
            DoNormalize = section.Bool("do_normalize", true),
            Mean = section.TryDoubles("image_mean") ?? (isSiglip ? half : [0.48145466, 0.4578275, 0.40821073]),
            Std = section.TryDoubles("image_std") ?? (isSiglip ? half : [0.26862954, 0.26130258, 0.27577711]),
        });
    }

    /// <summary>The filter of resizes.</summary>
    public ResizeFilter Filter { get; }

    /// <summary>Throws unless every picture comes out as a square of the tower's size.</summary>
    /// <param name="edge">Edge in pixels.</param>
    /// <exception cref="InvalidDataException">The settings give another size.</exception>
    public void RequireSize(int edge)
    {
        bool isRight = _doCrop ? _crop == (edge, edge) : _doResize && _fixedSize == (edge, edge);
        if (!isRight)
        {
            throw new InvalidDataException(FormattableString.Invariant(
                $"{_section.File}: pictures must come out as {edge} x {edge} pixels (image_size of the vision tower); size and crop_size give something else. The file belongs to another model."));
        }
    }

    /// <summary>Throws where the picture is not RGB and may not be converted.</summary>
    /// <param name="image">The picture.</param>
    /// <exception cref="InvalidDataException">It may not.</exception>
    public void RequireConvertible(Image image)
    {
        ArgumentNullException.ThrowIfNull(image);
        if (!_doConvertRgb && image.Mode != PixelMode.RGB)
        {
            throw new InvalidDataException($"the picture has mode {image.Mode} and do_convert_rgb is false; set it to true or convert the picture.");
        }
    }

    /// <summary>One picture as (3, edge, edge) normalised values.</summary>
    /// <param name="image">The picture.</param>
    /// <param name="alpha">What becomes of transparency.</param>
    /// <param name="pixels">Receives the values.</param>
    /// <exception cref="InvalidDataException">The picture is not RGB and may not be converted.</exception>
    public void Write(Image image, AlphaHandling alpha, Span<float> pixels)
    {
        RequireConvertible(image);
        image = image.ToRgb(alpha);
        if (_doResize)
        {
            (int width, int height) = _fixedSize ?? Shortest(image.Width, image.Height);
            image = Resize.Apply(image, width, height, Filter);
        }

        if (!_doCrop)
        {
            _normalizer.Apply(image, 0, 0, image.Width, image.Height, pixels);
            return;
        }

        image = Padded(image);
        _normalizer.Apply(image, (image.Width - _crop.Width) / 2, (image.Height - _crop.Height) / 2, _crop.Width, _crop.Height, pixels);
    }

    /// <summary>Values made visible again.</summary>
    /// <param name="pixels">(3, edge, edge) normalised values.</param>
    /// <param name="edge">Edge in pixels.</param>
    public Image Visible(ReadOnlySpan<float> pixels, int edge)
    {
        byte[] rgb = new byte[3 * edge * edge];
        _normalizer.Restore(pixels, edge, edge, rgb, edge);
        return new Image(edge, edge, PixelMode.RGB, rgb);
    }

    /// <summary>A size as an object, or as one number, which older files have; both null where the key is missing.</summary>
    private (ConfigSection? Object, int? Number) Size(string key) =>
        _section.Find(key) is { ValueKind: System.Text.Json.JsonValueKind.Number } ? (null, _section.Int(key)) : (_section.TrySection(key), null);

    /// <summary>The shorter edge as configured, the other one in proportion, rounded down.</summary>
    private (int Width, int Height) Shortest(int width, int height)
    {
        int edge = _shortestEdge!.Value;
        return width <= height ? (edge, (int)((double)edge * height / width)) : ((int)((double)edge * width / height), edge);
    }

    /// <summary>Black around a picture that is smaller than the crop, the odd pixel before it.</summary>
    private Image Padded(Image image)
    {
        int width = Math.Max(image.Width, _crop.Width), height = Math.Max(image.Height, _crop.Height);
        if (width == image.Width && height == image.Height)
        {
            return image;
        }

        byte[] pixels = new byte[checked(3 * width * height)];
        int left = (width - image.Width + 1) / 2, top = (height - image.Height + 1) / 2;
        for (int y = 0; y < image.Height; y++)
        {
            image.Pixels.AsSpan(3 * y * image.Width, 3 * image.Width).CopyTo(pixels.AsSpan(3 * (((top + y) * width) + left)));
        }

        return new Image(width, height, PixelMode.RGB, pixels);
    }
}
