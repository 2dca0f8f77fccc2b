namespace Lorikeet.Imaging;

/// <summary>
/// Blends a picture with a degenerate one (grey, black, blurred), bit for bit as Pillow's ImageEnhance: 0 gives the degenerate picture,
/// 1 the picture itself, more than 1 goes beyond it. Alpha is left as it is; CMYK and 16-bit pictures become RGB. Source: Pillow's
/// ImageEnhance.py, Blend.c, Filter.c.
/// </summary>
public static class Enhance
{
    /// <summary>Colourfulness: 0 is grey.</summary>
    /// <param name="image">Any mode.</param>
    /// <param name="factor">0 or more.</param>
    public static Image Colour(Image image, double factor)
    {
        image = ColourChannels.Editable(image);
        if (ColourChannels.Count(image) == 1)
        {
            return image;
        }

        byte[] source = image.Pixels, target = (byte[])source.Clone();
        for (int i = 0; i < source.Length; i += image.BytesPerPixel)
        {
            byte grey = ColourChannels.Luma(source[i], source[i + 1], source[i + 2]);
            for (int c = 0; c < 3; c++)
            {
                target[i + c] = Blend(grey, source[i + c], (float)factor);
            }
        }

        return image.With(target);
    }

    /// <summary>Contrast: 0 is one grey, the picture's mean.</summary>
    /// <param name="image">Any mode.</param>
    /// <param name="factor">0 or more.</param>
    public static Image Contrast(Image image, double factor)
    {
        image = ColourChannels.Editable(image);
        return WithLevel(image, MeanLuma(image), factor);
    }

    /// <summary>Brightness: 0 is black.</summary>
    /// <param name="image">Any mode.</param>
    /// <param name="factor">0 or more.</param>
    public static Image Brightness(Image image, double factor) => WithLevel(ColourChannels.Editable(image), 0, factor);

    /// <summary>Sharpness: 0 is smoothed by a 3 x 3 filter; 2 is sharpened.</summary>
    /// <param name="image">Any mode.</param>
    /// <param name="factor">0 or more.</param>
    public static Image Sharpness(Image image, double factor)
    {
        image = ColourChannels.Editable(image);
        byte[] source = image.Pixels, target = (byte[])source.Clone();
        int size = image.BytesPerPixel, row = image.Width * size, colours = ColourChannels.Count(image);
        for (int y = 1; y < image.Height - 1; y++)
        {
            for (int x = 1; x < image.Width - 1; x++)
            {
                int at = (y * row) + (x * size);
                for (int i = at; i < at + colours; i++)
                {
                    target[i] = Blend(Smooth(source, i, row, size), source[i], (float)factor);
                }
            }
        }

        return image.With(target);
    }

    /// <summary>A blend with the arithmetic of the reference: single precision, cut to a whole number, kept in 0 to 255.</summary>
    private static byte Blend(byte from, byte to, float factor) => (byte)Math.Clamp(from + (factor * (to - from)), 0f, 255f);

    private static Image WithLevel(Image image, byte level, double factor)
    {
        byte[] map = [.. Enumerable.Range(0, 256).Select(value => Blend(level, (byte)value, (float)factor))];
        byte[] target = (byte[])image.Pixels.Clone();
        int colours = ColourChannels.Count(image);
        for (int i = 0; i < target.Length; i += image.BytesPerPixel)
        {
            for (int c = 0; c < colours; c++)
            {
                target[i + c] = map[target[i + c]];
            }
        }

        return image.With(target);
    }

    private static byte MeanLuma(Image image)
    {
        byte[] source = image.Pixels;
        long sum = 0;
        bool grey = ColourChannels.Count(image) == 1;
        for (int i = 0; i < source.Length; i += image.BytesPerPixel)
        {
            sum += grey ? source[i] : ColourChannels.Luma(source[i], source[i + 1], source[i + 2]);
        }

        return (byte)(((double)sum / ((long)image.Width * image.Height)) + 0.5);
    }

    /// <summary>Mean over 3 x 3 with weight 5 in the middle. The sum of weights is odd: no tie to round.</summary>
    private static byte Smooth(byte[] source, int i, int row, int size)
    {
        int above = i - row, below = i + row;
        int sum = source[above - size] + source[above] + source[above + size]
            + source[i - size] + (5 * source[i]) + source[i + size]
            + source[below - size] + source[below] + source[below + size];
        return (byte)(((2 * sum) + 13) / 26);
    }
}
