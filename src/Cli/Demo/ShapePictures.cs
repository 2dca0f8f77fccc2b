using Lorikeet.Imaging;
using Lorikeet.Tensors;

namespace Lorikeet.Cli.Demo;

/// <summary>A picture of one coloured shape, and what is on it.</summary>
/// <param name="Shape">Index into <see cref="ShapePictures.Shapes"/>.</param>
/// <param name="Colour">Index into <see cref="ShapePictures.Colours"/>.</param>
/// <param name="Picture">RGB.</param>
internal sealed record ShapePicture(int Shape, int Colour, Image Picture);

/// <summary>Draws synthetic pictures: a shape of random place, size, turn and shade on a noisy background. A pure function of a key.</summary>
internal static class ShapePictures
{
    /// <summary>Edge in pixels.</summary>
    public const int Size = 64;

    public static readonly string[] Shapes = ["circle", "square", "triangle", "cross", "ring"];

    public static readonly string[] Colours = ["red", "green", "blue", "yellow", "purple", "black"];

    private static readonly (byte R, byte G, byte B)[] Paint = [(214, 40, 40), (40, 160, 60), (40, 70, 210), (235, 205, 40), (140, 50, 170), (25, 25, 25)];

    /// <summary>The picture of a key.</summary>
    public static ShapePicture Draw(ulong key)
    {
        var dice = new Dice(key);
        int shape = dice.Below(Shapes.Length), colour = dice.Below(Colours.Length);
        double radius = dice.Between(11, 19), turn = dice.Between(-0.35, 0.35);
        double x0 = dice.Between(radius + 2, Size - radius - 2), y0 = dice.Between(radius + 2, Size - radius - 2);
        double light = dice.Between(190, 245), shade = dice.Between(0.85, 1.12), tint = dice.Between(-14, 14);
        (byte r, byte g, byte b) = Paint[colour];
        byte[] pixels = new byte[Size * Size * 3];
        for (int y = 0; y < Size; y++)
        {
            for (int x = 0; x < Size; x++)
            {
                double cover = Cover(shape, radius, turn, x - x0, y - y0), noise = dice.Between(-9, 9);
                int at = ((y * Size) + x) * 3;
                pixels[at] = Mix(light + tint, r * shade, cover, noise);
                pixels[at + 1] = Mix(light, g * shade, cover, noise);
                pixels[at + 2] = Mix(light - tint, b * shade, cover, noise);
            }
        }

        return new ShapePicture(shape, colour, new Image(Size, Size, PixelMode.RGB, pixels));
    }

    private static byte Mix(double background, double paint, double cover, double noise) =>
        (byte)Math.Clamp((background * (1 - cover)) + (paint * cover) + noise, 0, 255);

    /// <summary>Share of a pixel that the shape covers, from its signed distance to the outline.</summary>
    private static double Cover(int shape, double radius, double turn, double dx, double dy)
    {
        double x = (dx * Math.Cos(turn)) + (dy * Math.Sin(turn)), y = (dy * Math.Cos(turn)) - (dx * Math.Sin(turn));
        double length = Math.Sqrt((x * x) + (y * y)), arm = radius * 0.34;
        double distance = shape switch
        {
            0 => length - radius,
            1 => Math.Max(Math.Abs(x), Math.Abs(y)) - (radius * 0.88),
            2 => Math.Max((Math.Abs(x) * 0.866) + (y * 0.5), -y) - (radius * 0.6),
            3 => Math.Max(Math.Min(Math.Abs(x), Math.Abs(y)) - arm, Math.Max(Math.Abs(x), Math.Abs(y)) - radius),
            _ => Math.Abs(length - (radius * 0.78)) - (radius * 0.24),
        };
        return Math.Clamp(0.5 - distance, 0, 1);
    }
}

/// <summary>Random numbers in a row, from a key.</summary>
internal sealed class Dice(ulong key)
{
    private ulong _counter;

    /// <summary>A whole number from 0 to below a bound.</summary>
    public int Below(int bound) => (int)(Next() * bound);

    /// <summary>A number in a range.</summary>
    public double Between(double low, double high) => low + ((high - low) * Next());

    /// <summary>One of several.</summary>
    public T Pick<T>(IReadOnlyList<T> items) => items[Below(items.Count)];

    private double Next() => Rng.Philox(key, _counter++, 0).X / 4294967296.0;
}
