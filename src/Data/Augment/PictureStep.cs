using System.Globalization;
using Lorikeet.Data.Sampling;
using Lorikeet.Imaging;

namespace Lorikeet.Data.Augment;

/// <summary>One change of one picture, decided.</summary>
/// <param name="Description">In words, for previews.</param>
/// <param name="Apply">Makes it.</param>
internal sealed record PictureStep(string Description, Func<Image, Image> Apply);

/// <summary>Draws crops and colour changes as torchvision does.</summary>
internal static class PictureSteps
{
    /// <summary>Tries to find a part of the asked area and ratio that fits; torchvision's number.</summary>
    private const int Attempts = 10;

    /// <summary>A part of a picture of a size, and the size it then has.</summary>
    public static (PictureStep Step, int Width, int Height) Crop(CropOptions options, int width, int height, CounterRandom random)
    {
        (int left, int top, int w, int h) = Part(options, width, height, ref random);
        (int toWidth, int toHeight) = options.Size is { } size ? (size, size) : (w, h);
        string description = string.Create(CultureInfo.InvariantCulture, $"crop {w}x{h} at {left},{top}{(options.Size is null ? "" : $" to {toWidth}x{toHeight}")}");
        return (new PictureStep(description, image => Resize.Apply(Imaging.Crop.Take(image, left, top, w, h), toWidth, toHeight, ResizeFilter.Bilinear)), toWidth, toHeight);
    }

    /// <summary>The four changes in a random order, those that are asked for.</summary>
    public static IEnumerable<PictureStep> Jitter(ColorJitterOptions options, CounterRandom random)
    {
        int[] order = [0, 1, 2, 3];
        for (int i = 3; i > 0; i--)
        {
            int j = (int)random.Below((uint)i + 1);
            (order[i], order[j]) = (order[j], order[i]);
        }

        double[] drawn = [random.Uniform(), random.Uniform(), random.Uniform(), random.Uniform()];
        return order.Select(kind => JitterStep(kind, options, drawn[kind])).OfType<PictureStep>().ToList();
    }

    private static PictureStep? JitterStep(int kind, ColorJitterOptions options, double drawn)
    {
        double range = kind switch { 0 => options.Brightness, 1 => options.Contrast, 2 => options.Saturation, _ => options.Hue };
        if (range == 0)
        {
            return null;
        }

        double low = kind == 3 ? -range : Math.Max(0, 1 - range), high = kind == 3 ? range : 1 + range, x = low + ((high - low) * drawn);
        return kind switch
        {
            0 => new PictureStep(Words("brightness", x), image => Enhance.Brightness(image, x)),
            1 => new PictureStep(Words("contrast", x), image => Enhance.Contrast(image, x)),
            2 => new PictureStep(Words("saturation", x), image => Enhance.Colour(image, x)),
            _ => new PictureStep(Words("hue", x), image => Hue.Shift(image, x)),
        };
    }

    private static string Words(string name, double x) => string.Create(CultureInfo.InvariantCulture, $"{name} {x:0.###}");

    private static (int Left, int Top, int Width, int Height) Part(CropOptions options, int width, int height, ref CounterRandom random)
    {
        double area = (double)width * height;
        for (int i = 0; i < Attempts; i++)
        {
            double target = area * random.Between(options.Scale.Low, options.Scale.High);
            double ratio = Math.Exp(random.Between(Math.Log(options.Ratio.Low), Math.Log(options.Ratio.High)));
            double w = Math.Round(Math.Sqrt(target * ratio)), h = Math.Round(Math.Sqrt(target / ratio));
            if (w >= 1 && h >= 1 && w <= width && h <= height)
            {
                int top = (int)random.Below((uint)(height - (int)h + 1)), left = (int)random.Below((uint)(width - (int)w + 1));
                return (left, top, (int)w, (int)h);
            }
        }

        return Central(options, width, height);
    }

    /// <summary>The largest central part within the limits of the ratio.</summary>
    private static (int Left, int Top, int Width, int Height) Central(CropOptions options, int width, int height)
    {
        double ratio = (double)width / height;
        int w = width, h = height;
        if (ratio < options.Ratio.Low)
        {
            h = Math.Clamp((int)Math.Round(w / options.Ratio.Low), 1, height);
        }
        else if (ratio > options.Ratio.High)
        {
            w = Math.Clamp((int)Math.Round(h * options.Ratio.High), 1, width);
        }

        return ((width - w) / 2, (height - h) / 2, w, h);
    }
}
