using System.Globalization;
using Lorikeet.Data.Sampling;
using Lorikeet.Imaging;

namespace Lorikeet.Data.Augment;

/// <summary>The operations that RandAugment draws from: the paper's 14, and the negative of earlier work.</summary>
public enum RandAugmentOperation
{
    /// <summary>Nothing.</summary>
    Identity,

    /// <summary>Shear along the rows.</summary>
    ShearX,

    /// <summary>Shear along the columns.</summary>
    ShearY,

    /// <summary>Shift to a side.</summary>
    TranslateX,

    /// <summary>Shift up or down.</summary>
    TranslateY,

    /// <summary>Rotation about the centre.</summary>
    Rotate,

    /// <summary>Brightness.</summary>
    Brightness,

    /// <summary>Colourfulness.</summary>
    Color,

    /// <summary>Contrast.</summary>
    Contrast,

    /// <summary>Sharpness.</summary>
    Sharpness,

    /// <summary>Fewer bits per channel.</summary>
    Posterize,

    /// <summary>Light levels inverted.</summary>
    Solarize,

    /// <summary>Full range in each channel.</summary>
    AutoContrast,

    /// <summary>Levels equally frequent.</summary>
    Equalize,

    /// <summary>The negative. Not among the 14: drawn only where asked for.</summary>
    Invert,
}

/// <summary>Draws operations and their strengths, as torchvision's RandAugment: magnitudes are single-precision steps of a range.</summary>
internal static class RandAugment
{
    private static readonly RandAugmentOperation[] Paper = [.. Enum.GetValues<RandAugmentOperation>().Where(o => o != RandAugmentOperation.Invert)];

    /// <summary>The operations for a picture of a size.</summary>
    public static IEnumerable<PictureStep> Draw(RandAugmentOptions options, int width, int height, CounterRandom random)
    {
        IReadOnlyList<RandAugmentOperation> operations = options.Operations.Count > 0 ? options.Operations : Paper;
        for (int i = 0; i < options.NumOps; i++)
        {
            RandAugmentOperation operation = operations[(int)random.Below((uint)operations.Count)];
            bool negative = random.Below(2) == 1;
            yield return Step(operation, Magnitude(operation, options, width, height) * (negative && IsSigned(operation) ? -1 : 1), options.Fill);
        }
    }

    /// <summary>The strength of an operation before its sign.</summary>
    public static double Magnitude(RandAugmentOperation operation, RandAugmentOptions options, int width, int height) => operation switch
    {
        RandAugmentOperation.ShearX or RandAugmentOperation.ShearY => Step(0, 0.3, options),
        RandAugmentOperation.TranslateX => Step(0, 150.0 / 331.0 * width, options),
        RandAugmentOperation.TranslateY => Step(0, 150.0 / 331.0 * height, options),
        RandAugmentOperation.Rotate => Step(0, 30, options),
        RandAugmentOperation.Brightness or RandAugmentOperation.Color or RandAugmentOperation.Contrast or RandAugmentOperation.Sharpness => Step(0, 0.9, options),
        RandAugmentOperation.Posterize => 8 - MathF.Round(options.Magnitude / ((options.NumMagnitudeBins - 1) / 4f), MidpointRounding.ToEven),
        RandAugmentOperation.Solarize => Step(255, 0, options),
        _ => 0,
    };

    /// <summary>Strengths of these may have either sign.</summary>
    private static bool IsSigned(RandAugmentOperation operation) => operation is >= RandAugmentOperation.ShearX and <= RandAugmentOperation.Sharpness;

    private static PictureStep Step(RandAugmentOperation operation, double x, byte fill)
    {
        string amount = x == 0 ? "" : string.Create(CultureInfo.InvariantCulture, $" {x:0.###}");
        return new PictureStep($"{operation}{amount}", operation switch
        {
            RandAugmentOperation.ShearX => image => Affine.ShearX(image, x, fill),
            RandAugmentOperation.ShearY => image => Affine.ShearY(image, x, fill),
            RandAugmentOperation.TranslateX => image => Affine.Translate(image, (int)x, 0, fill),
            RandAugmentOperation.TranslateY => image => Affine.Translate(image, 0, (int)x, fill),
            RandAugmentOperation.Rotate => image => Affine.Rotate(image, x, fill),
            RandAugmentOperation.Brightness => image => Enhance.Brightness(image, 1 + x),
            RandAugmentOperation.Color => image => Enhance.Colour(image, 1 + x),
            RandAugmentOperation.Contrast => image => Enhance.Contrast(image, 1 + x),
            RandAugmentOperation.Sharpness => image => Enhance.Sharpness(image, 1 + x),
            RandAugmentOperation.Posterize => image => Levels.Posterize(image, (int)x),
            RandAugmentOperation.Solarize => image => Levels.Solarize(image, x),
            RandAugmentOperation.AutoContrast => Levels.AutoContrast,
            RandAugmentOperation.Equalize => Levels.Equalize,
            RandAugmentOperation.Invert => Levels.Invert,
            _ => image => image,
        });
    }

    /// <summary>A point of <c>torch.linspace</c> in single precision: counted from whichever end is nearer.</summary>
    private static float Step(double from, double to, RandAugmentOptions options)
    {
        float start = (float)from, end = (float)to, step = (end - start) / (options.NumMagnitudeBins - 1);
        return options.Magnitude < options.NumMagnitudeBins / 2
            ? start + (step * options.Magnitude)
            : end - (step * (options.NumMagnitudeBins - options.Magnitude - 1));
    }
}
