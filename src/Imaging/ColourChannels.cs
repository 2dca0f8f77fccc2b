namespace Lorikeet.Imaging;

/// <summary>Which bytes of a pixel are colour: operations on colours leave alpha as it is.</summary>
internal static class ColourChannels
{
    /// <summary>The picture in a mode that colour operations know: CMYK and 16-bit grey become RGB, the rest stays.</summary>
    public static Image Editable(Image image)
    {
        ArgumentNullException.ThrowIfNull(image);
        return image.Mode is PixelMode.CMYK or PixelMode.I16 ? image.ToRgb() : image;
    }

    /// <summary>Colour bytes at the start of each pixel: 1 for grey, 3 otherwise.</summary>
    public static int Count(Image image) => image.Mode is PixelMode.L or PixelMode.LA ? 1 : 3;

    /// <summary>The same picture with other pixels.</summary>
    public static Image With(this Image image, byte[] pixels) => new(image.Width, image.Height, image.Mode, pixels, image.Orientation);

    /// <summary>The luma of a pixel, with the rounding of Pillow's <c>convert("L")</c> (ITU-R 601-2).</summary>
    public static byte Luma(byte red, byte green, byte blue) => (byte)(((red * 19595) + (green * 38470) + (blue * 7471) + 0x8000) >> 16);
}
