using Lorikeet.Imaging.Interop;

namespace Lorikeet.Imaging;

/// <summary>Writes pictures, for generated data and reports.</summary>
public static class ImageEncoder
{
    /// <summary>The picture as a PNG file; decoding it gives the same pixels. <see cref="PixelMode.CMYK"/> is converted to RGB.</summary>
    /// <param name="image">The picture.</param>
    /// <exception cref="DllNotFoundException">libvips is not installed; the message says how to install it.</exception>
    public static byte[] EncodePng(Image image)
    {
        ArgumentNullException.ThrowIfNull(image);
        var source = image.Mode == PixelMode.CMYK ? image.ToRgb() : image;
        bool is16Bit = source.Mode == PixelMode.I16;
        return VipsCodec.SavePng(source.Pixels, source.Width, source.Height, is16Bit ? 1 : source.BytesPerPixel, is16Bit);
    }
    /// <summary>The picture as a JPEG file, for pages that people look at: pixels come back changed. Alpha is blended on white.</summary>
    /// <param name="image">The picture.</param>
    /// <param name="quality">1 to 100.</param>
    /// <exception cref="DllNotFoundException">libvips is not installed; the message says how to install it.</exception>
    public static byte[] EncodeJpeg(Image image, int quality = 85)
    {
        ArgumentNullException.ThrowIfNull(image);
        ArgumentOutOfRangeException.ThrowIfLessThan(quality, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(quality, 100);
        var source = image.Mode == PixelMode.L ? image : image.OnWhite();
        return VipsCodec.SaveJpeg(source.Pixels, source.Width, source.Height, source.BytesPerPixel, quality);
    }
}
