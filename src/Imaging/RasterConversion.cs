using Lorikeet.Imaging.Interop;

namespace Lorikeet.Imaging;

/// <summary>Turns what a libvips loader gives into the mode in which Pillow opens the same file.</summary>
internal static class RasterConversion
{
    /// <summary>TIFF tag: what the channels beyond colour mean.</summary>
    public const int ExtraSamplesTag = 338;

    /// <summary>Names the mode by bands and sample size.</summary>
    /// <param name="raster">The decoded samples.</param>
    /// <param name="name">The file, for messages.</param>
    /// <param name="orientation">The EXIF tag, 1 to 8.</param>
    /// <param name="dropGreyAlpha">16-bit grey with a transparent level: Pillow opens it as plain 16-bit grey.</param>
    public static Image ToImage(VipsRaster raster, string name, int orientation, bool dropGreyAlpha)
    {
        var (mode, keep) = (raster.Bands, raster.Colour, raster.Is16Bit) switch
        {
            (_, VipsColour.Lab, _) => throw new InvalidDataException($"{name}: colours are CIE Lab; convert the picture to RGB."),
            (1, _, false) => (PixelMode.L, 1),
            (1, _, true) => (PixelMode.I16, 1),
            (2, _, false) => (PixelMode.LA, 2),
            (2, _, true) => dropGreyAlpha ? (PixelMode.I16, 1) : (PixelMode.LA, 2),
            (3, _, _) => (PixelMode.RGB, 3),
            ( >= 4, VipsColour.Cmyk, _) => (PixelMode.CMYK, 4),
            ( >= 4, _, _) => (PixelMode.RGBA, 4),
            _ => throw new InvalidDataException($"{name}: {raster.Bands} channels; pictures have 1 to 4."),
        };
        var pixels = mode == PixelMode.I16 ? Words(raster) : Bytes(raster, keep);
        return new Image(raster.Width, raster.Height, mode, pixels, orientation);
    }

    /// <summary>Drops the fourth channel of a TIFF file that says it is no alpha. Premultiplied alpha is undone by libvips already.</summary>
    public static Image DropUnspecifiedChannel(Image image, int? extraSamples)
    {
        const int Unspecified = 0;
        return image.Mode == PixelMode.RGBA && extraSamples == Unspecified ? image.ToRgb() : image;
    }

    private static byte[] Words(VipsRaster raster)
    {
        if (raster.Bands == 1)
        {
            return raster.Samples;
        }
        var pixels = new byte[raster.Width * raster.Height * 2];
        for (int to = 0, from = 0; to < pixels.Length; to += 2, from += 2 * raster.Bands)
        {
            (pixels[to], pixels[to + 1]) = (raster.Samples[from], raster.Samples[from + 1]);
        }
        return pixels;
    }

    /// <summary>The first <paramref name="keep"/> bands, and of a 16-bit sample the high byte (Pillow has no 16-bit colour).</summary>
    private static byte[] Bytes(VipsRaster raster, int keep)
    {
        if (!raster.Is16Bit && keep == raster.Bands)
        {
            return raster.Samples;
        }
        int size = raster.Is16Bit ? 2 : 1;
        var pixels = new byte[raster.Width * raster.Height * keep];
        for (int to = 0, from = size - 1; to < pixels.Length; from += size * raster.Bands)
        {
            for (int band = 0; band < keep; band++)
            {
                pixels[to++] = raster.Samples[from + band * size];
            }
        }
        return pixels;
    }
}
