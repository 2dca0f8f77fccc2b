namespace Lorikeet.Imaging;

/// <summary>Turns the hue through Pillow's 8-bit HSV, with its roundings. Source: Pillow's Convert.c; torchvision's <c>adjust_hue</c>.</summary>
public static class Hue
{
    /// <summary>Turns every colour by a part of the circle; grey stays, alpha too.</summary>
    /// <param name="image">Any mode.</param>
    /// <param name="turn">Part of a whole turn, -0.5 to 0.5.</param>
    public static Image Shift(Image image, double turn)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(Math.Abs(turn), 0.5, nameof(turn));
        image = ColourChannels.Editable(image);
        if (ColourChannels.Count(image) == 1)
        {
            return image;
        }

        byte[] target = (byte[])image.Pixels.Clone();
        int shift = (int)(turn * 255);
        for (int i = 0; i < target.Length; i += image.BytesPerPixel)
        {
            Span<byte> pixel = target.AsSpan(i, 3);
            (byte hue, byte saturation, byte value) = ToHsv(pixel[0], pixel[1], pixel[2]);
            ToRgb((byte)(hue + shift), saturation, value, pixel);
        }

        return image.With(target);
    }

    private static (byte Hue, byte Saturation, byte Value) ToHsv(byte red, byte green, byte blue)
    {
        byte max = Math.Max(red, Math.Max(green, blue)), min = Math.Min(red, Math.Min(green, blue));
        if (max == min)
        {
            return (0, 0, max);
        }

        float range = max - min, saturation = range / max;
        float r = (max - red) / range, g = (max - green) / range, b = (max - blue) / range;
        float hue = red == max ? b - g : green == max ? (float)(2.0 + r - b) : (float)(4.0 + g - r);
        hue = (float)(((hue / 6.0) + 1.0) % 1.0);
        return ((byte)(hue * 255.0), (byte)(saturation * 255.0), max);
    }

    private static void ToRgb(byte hue, byte saturation, byte value, Span<byte> rgb)
    {
        double sector = hue * 6.0 / 255.0;
        int i = (int)sector;
        float f = (float)(sector - i), s = (float)(saturation / 255.0);
        byte p = Round(value * (1.0 - s)), q = Round(value * (1.0 - (s * f))), t = Round(value * (1.0 - (s * (1.0 - f))));
        (rgb[0], rgb[1], rgb[2]) = (saturation == 0 ? -1 : i % 6) switch
        {
            -1 => (value, value, value),
            0 => (value, t, p),
            1 => (q, value, p),
            2 => (p, value, t),
            3 => (p, q, value),
            4 => (t, p, value),
            _ => (value, p, q),
        };
    }

    private static byte Round(double value) => (byte)Math.Clamp(Math.Round(value, MidpointRounding.AwayFromZero), 0, 255);
}
