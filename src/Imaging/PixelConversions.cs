namespace Lorikeet.Imaging;

/// <summary>Mode conversions on interleaved pixels, with Pillow's integer arithmetic.</summary>
internal static class PixelConversions
{
    public static byte[] ToRgb(Image image)
    {
        var source = image.Pixels;
        var target = new byte[(long)image.Width * image.Height * 3];
        int step = image.BytesPerPixel;
        for (int from = 0, to = 0; to < target.Length; from += step, to += 3)
        {
            (target[to], target[to + 1], target[to + 2]) = Rgb(source, from, image.Mode);
        }
        return target;
    }

    public static byte[] ToRgba(Image image)
    {
        var source = image.Pixels;
        var target = new byte[(long)image.Width * image.Height * 4];
        int step = image.BytesPerPixel;
        for (int from = 0, to = 0; to < target.Length; from += step, to += 4)
        {
            (target[to], target[to + 1], target[to + 2]) = Rgb(source, from, image.Mode);
            target[to + 3] = image.Mode == PixelMode.LA ? source[from + 1] : (byte)255;
        }
        return target;
    }

    /// <summary>RGBA over opaque white, as RGB. The blend keeps 7 fractional bits, as Pillow's does.</summary>
    public static byte[] OnWhite(byte[] rgba)
    {
        const int FractionBits = 7;
        var target = new byte[rgba.Length / 4 * 3];
        for (int from = 0, to = 0; to < target.Length; from += 4, to += 3)
        {
            // The background is opaque, so the weights are alpha and 255 - alpha, scaled by 128.
            uint weight = (uint)rgba[from + 3] << FractionBits;
            uint white = ((255u << FractionBits) - weight) * 255 + (0x80 << FractionBits);
            for (int c = 0; c < 3; c++)
            {
                uint sum = rgba[from + c] * weight + white;
                target[to + c] = (byte)((((sum >> 8) + sum) >> 8) >> FractionBits);
            }
        }
        return target;
    }

    /// <summary>Colour times alpha, rounded; what Pillow calls mode RGBa or La. Colour must not bleed out of transparent pixels.</summary>
    /// <param name="pixels">Interleaved pixels whose last channel is alpha.</param>
    /// <param name="channels">2 or 4.</param>
    public static byte[] Premultiply(byte[] pixels, int channels)
    {
        var target = new byte[pixels.Length];
        for (int i = 0; i < pixels.Length; i += channels)
        {
            int alpha = pixels[i + channels - 1];
            for (int c = 0; c < channels - 1; c++)
            {
                target[i + c] = (byte)MultiplyDivide255(pixels[i + c], alpha);
            }
            target[i + channels - 1] = (byte)alpha;
        }
        return target;
    }

    /// <summary>Undoes <see cref="Premultiply"/> in place; the quotient is truncated, as in Pillow.</summary>
    /// <param name="pixels">Interleaved premultiplied pixels whose last channel is alpha.</param>
    /// <param name="channels">2 or 4.</param>
    public static void Unpremultiply(byte[] pixels, int channels)
    {
        for (int i = 0; i < pixels.Length; i += channels)
        {
            int alpha = pixels[i + channels - 1];
            if (alpha is 0 or 255)
            {
                continue;
            }
            for (int c = 0; c < channels - 1; c++)
            {
                pixels[i + c] = (byte)Math.Min(255 * pixels[i + c] / alpha, 255);
            }
        }
    }

    private static (byte Red, byte Green, byte Blue) Rgb(byte[] source, int at, PixelMode mode)
    {
        switch (mode)
        {
            case PixelMode.L or PixelMode.LA:
                return (source[at], source[at], source[at]);
            case PixelMode.I16:
                byte clipped = source[at + 1] != 0 ? (byte)255 : source[at];
                return (clipped, clipped, clipped);
            case PixelMode.CMYK:
                int light = 255 - source[at + 3];
                return (Ink(source[at], light), Ink(source[at + 1], light), Ink(source[at + 2], light));
            default:
                return (source[at], source[at + 1], source[at + 2]);
        }
    }

    private static byte Ink(int ink, int light) => (byte)Math.Max(light - MultiplyDivide255(ink, light), 0);

    /// <summary>a * b / 255, rounded to nearest, for 0..255.</summary>
    private static int MultiplyDivide255(int a, int b)
    {
        int product = a * b + 128;
        return ((product >> 8) + product) >> 8;
    }
}
