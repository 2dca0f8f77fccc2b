namespace Lorikeet.Imaging;

/// <summary>
/// Operations that map each level of a channel to another one, bit for bit as those of Pillow's ImageOps. Alpha is left as it is; CMYK
/// and 16-bit pictures become RGB. Source: Pillow's ImageOps.py.
/// </summary>
public static class Levels
{
    private const int Count = 256;

    /// <summary>Stretches each channel so that its darkest level becomes 0 and its lightest 255; a channel of one level stays.</summary>
    /// <param name="image">Any mode.</param>
    public static Image AutoContrast(Image image) => PerChannel(image, Stretched);

    /// <summary>Spreads the levels of each channel so that all are about equally frequent.</summary>
    /// <param name="image">Any mode.</param>
    public static Image Equalize(Image image) => PerChannel(image, Equalized);

    /// <summary>The negative.</summary>
    /// <param name="image">Any mode.</param>
    public static Image Invert(Image image) => Same(image, level => 255 - level);

    /// <summary>Keeps the highest bits of each level.</summary>
    /// <param name="image">Any mode.</param>
    /// <param name="bits">Bits to keep, 0 to 8.</param>
    public static Image Posterize(Image image, int bits)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(bits);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(bits, 8);
        int mask = ~((1 << (8 - bits)) - 1);
        return Same(image, level => level & mask);
    }

    /// <summary>Inverts the levels from a threshold on.</summary>
    /// <param name="image">Any mode.</param>
    /// <param name="threshold">First level that is inverted; above 255 for none.</param>
    public static Image Solarize(Image image, double threshold) => Same(image, level => level < threshold ? level : 255 - level);

    private static Image Same(Image image, Func<int, int> map)
    {
        byte[] table = [.. Enumerable.Range(0, Count).Select(level => (byte)map(level))];
        return PerChannel(image, _ => table);
    }

    private static Image PerChannel(Image image, Func<long[], byte[]> table)
    {
        image = ColourChannels.Editable(image);
        int size = image.BytesPerPixel;
        byte[] target = (byte[])image.Pixels.Clone();
        for (int c = 0; c < ColourChannels.Count(image); c++)
        {
            long[] histogram = new long[Count];
            for (int i = c; i < target.Length; i += size)
            {
                histogram[target[i]]++;
            }

            byte[] map = table(histogram);
            for (int i = c; i < target.Length; i += size)
            {
                target[i] = map[target[i]];
            }
        }

        return image.With(target);
    }

    private static byte[] Stretched(long[] histogram)
    {
        int low = Array.FindIndex(histogram, n => n > 0), high = Array.FindLastIndex(histogram, n => n > 0);
        if (high <= low)
        {
            return Unchanged();
        }

        double scale = 255.0 / (high - low), offset = -low * scale;
        return [.. Enumerable.Range(0, Count).Select(level => (byte)Math.Clamp((int)((level * scale) + offset), 0, 255))];
    }

    private static byte[] Equalized(long[] histogram)
    {
        // The lightest level is left out of the sum: then the map ends at 255.
        int last = Array.FindLastIndex(histogram, n => n > 0);
        long step = (histogram.Sum() - histogram[last]) / 255;
        if (step == 0)
        {
            return Unchanged();
        }

        byte[] map = new byte[Count];
        long below = step / 2;
        for (int level = 0; level < Count; level++)
        {
            map[level] = (byte)Math.Min(below / step, 255);
            below += histogram[level];
        }

        return map;
    }

    private static byte[] Unchanged() => [.. Enumerable.Range(0, Count).Select(level => (byte)level)];
}
