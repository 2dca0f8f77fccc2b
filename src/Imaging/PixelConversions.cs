namespace Lorikeet.Imaging;

/// <summary>Mode conversions on interleaved pixels, with Pillow's integer arithmetic.</summary>
internal static class PixelConversions
{
    public static byte[] ToRgb(Image image) => Spread(image, 3);

    public static byte[] ToRgba(Image image) => Spread(image, 4);

    /// <summary>RGB, or RGBA with <paramref name="channels"/> 4: opaque where the source has no alpha.</summary>
    private static byte[] Spread(Image image, int channels)
    {
        var source = image.Pixels;
        var target = new byte[checked(image.Width * image.Height * channels)];
        if (channels == 4)
        {
            Array.Fill(target, (byte)255);
        }
        switch (image.Mode)
        {
            case PixelMode.L or PixelMode.LA or PixelMode.I16:
                SpreadGrey(source, image.Mode, target, channels);
                break;
            case PixelMode.CMYK:
                SpreadInk(source, target, channels);
                break;
            default:
                int step = image.BytesPerPixel;
                for (int from = 0, to = 0; to < target.Length; from += step, to += channels)
                {
                    target[to] = source[from];
                    target[to + 1] = source[from + 1];
                    target[to + 2] = source[from + 2];
                }
                break;
        }
        return target;
    }

    private static void SpreadGrey(byte[] source, PixelMode mode, byte[] target, int channels)
    {
        int step = Image.BytesPerPixelOf(mode);
        for (int from = 0, to = 0; to < target.Length; from += step, to += channels)
        {
            // 16-bit levels are clipped, not scaled, as the reference does.
            byte grey = mode == PixelMode.I16 && source[from + 1] != 0 ? (byte)255 : source[from];
            target[to] = grey;
            target[to + 1] = grey;
            target[to + 2] = grey;
            if (mode == PixelMode.LA && channels == 4)
            {
                target[to + 3] = source[from + 1];
            }
        }
    }

    private static void SpreadInk(byte[] source, byte[] target, int channels)
    {
        for (int from = 0, to = 0; to < target.Length; from += 4, to += channels)
        {
            int light = 255 - source[from + 3];
            for (int c = 0; c < 3; c++)
            {
                target[to + c] = (byte)Math.Max(light - MultiplyDivide255(source[from + c], light), 0);
            }
        }
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

    /// <summary>a * b / 255, rounded to nearest, for 0..255.</summary>
    private static int MultiplyDivide255(int a, int b)
    {
        int product = a * b + 128;
        return ((product >> 8) + product) >> 8;
    }
}
