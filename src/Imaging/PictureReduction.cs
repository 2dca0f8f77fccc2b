using System.Globalization;

namespace Lorikeet.Imaging;

/// <summary>
/// How pictures are made smaller before anything else looks at them: by a factor, as <c>image.resize((int(w * s), int(h * s)))</c>, then to
/// fit a size, as Pillow's <c>Image.thumbnail</c> without its <c>reducing_gap</c> shortcut (which Pillow takes from 4 : 1 on).
/// </summary>
public sealed record PictureReduction
{
    /// <summary>Factor of both edges, above 0 and up to 1; 1 for none.</summary>
    public double ScaleFactor { get; init; } = 1;

    /// <summary>Largest width and height; null for no limit.</summary>
    public PixelSize? Thumbnail { get; init; }

    /// <summary>The filter; Pillow's default.</summary>
    public ResizeFilter Resample { get; init; } = ResizeFilter.Bicubic;

    /// <summary>The size that a picture of a size will have.</summary>
    /// <param name="size">Before.</param>
    public PixelSize SizeAfter(PixelSize size)
    {
        PixelSize scaled = Scaled(size);
        return Thumbnail is { } limit ? Resize.ThumbnailSize(scaled, limit.Width, limit.Height) : scaled;
    }

    /// <summary>The picture made smaller; itself where nothing changes. Grey stays grey and alpha alpha; CMYK and 16-bit pictures become RGB.</summary>
    /// <param name="image">Any mode.</param>
    public Image Apply(Image image)
    {
        ArgumentNullException.ThrowIfNull(image);
        var size = new PixelSize(image.Width, image.Height);
        if (SizeAfter(size) == size)
        {
            return image;
        }

        (int width, int height) = Scaled(size);
        image = Resize.Apply(ColourChannels.Editable(image), width, height, Resample);
        return Thumbnail is { } limit ? Resize.Thumbnail(image, limit.Width, limit.Height, Resample) : image;
    }

    /// <inheritdoc/>
    public override string ToString() =>
        string.Create(CultureInfo.InvariantCulture, $"scale_factor={ScaleFactor:R} thumbnail={Thumbnail?.Width}x{Thumbnail?.Height} resample={Resample}");

    private PixelSize Scaled(PixelSize size) =>
        ScaleFactor == 1 ? size : new PixelSize(Math.Max((int)(size.Width * ScaleFactor), 1), Math.Max((int)(size.Height * ScaleFactor), 1));
}
