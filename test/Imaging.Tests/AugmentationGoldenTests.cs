using System.Globalization;
using System.Text.Json;
using Lorikeet.Testing;

namespace Lorikeet.Imaging.Tests;

/// <summary>The operations of RandAugment, colour jitter, flips and crops, compared with what Pillow made of the same pictures.</summary>
public sealed class AugmentationGoldenTests
{
    private static readonly JsonElement Reference =
        JsonDocument.Parse(File.ReadAllText(Golden.Path("augment", "operations.json"))).RootElement;

    private static readonly JsonElement[] Cases = [.. Reference.GetProperty("cases").EnumerateArray()];

    public static TheoryData<string> Operations() => [.. Cases.Select(c => c.GetProperty("op").GetString()!).Distinct()];

    [Theory]
    [MemberData(nameof(Operations))]
    public void EqualsPillow(string operation)
    {
        var cases = Cases.Where(c => c.GetProperty("op").GetString() == operation).ToList();
        Assert.All(cases, golden =>
        {
            string name = golden.GetProperty("picture").GetString()!;
            double x = golden.GetProperty("x").GetDouble();
            byte fill = golden.GetProperty("fill").GetByte();
            Image source = Picture(name);
            byte[] before = [.. source.Pixels];

            Image actual = Run(operation, source, x, fill);

            byte[] want = golden.GetProperty("pixels").GetBytesFromBase64();
            Assert.Equal((golden.GetProperty("width").GetInt32(), golden.GetProperty("height").GetInt32()), (actual.Width, actual.Height));
            int wrong = want.Zip(actual.Pixels).Count(p => p.First != p.Second);
            Assert.True(wrong == 0, string.Create(CultureInfo.InvariantCulture, $"{operation} {x} of {name}: {wrong} of {want.Length} values differ"));
            Assert.Equal(before, source.Pixels);
        });
    }

    [Fact]
    public void AlphaIsLeftAloneByOperationsOnColours()
    {
        var picture = new Image(3, 1, PixelMode.RGBA, [10, 20, 30, 1, 40, 50, 60, 2, 200, 100, 0, 3]);
        Func<Image, Image>[] operations =
        [
            Levels.AutoContrast, Levels.Equalize, Levels.Invert, i => Levels.Posterize(i, 1), i => Levels.Solarize(i, 0),
            i => Enhance.Colour(i, 0), i => Enhance.Contrast(i, 0), i => Enhance.Brightness(i, 0), i => Enhance.Sharpness(i, 0), i => Hue.Shift(i, 0.3),
        ];

        Assert.All(operations, operation =>
        {
            Image result = operation(picture);
            Assert.Equal(PixelMode.RGBA, result.Mode);
            Assert.Equal([1, 2, 3], [result.Pixels[3], result.Pixels[7], result.Pixels[11]]);
            Assert.Equal(operation(picture.ToRgb()).Pixels, result.ToRgb().Pixels);
        });
    }

    [Fact]
    public void PicturesOfOtherModesBecomeRgb()
    {
        var ink = new Image(2, 1, PixelMode.CMYK, [0, 0, 0, 0, 255, 0, 0, 0]);

        Image negative = Levels.Invert(ink);

        Assert.Equal(PixelMode.RGB, negative.Mode);
        Assert.Equal([0, 0, 0, 255, 0, 0], negative.Pixels);
    }

    [Fact]
    public void PicturesBeyondTheFixedPointAreShearedToo()
    {
        // Sheared by 0.3, the far end of a picture of 120,000 rows lies 36,000 columns away: too far for 16 bits.
        const int Height = 120_000;
        var tall = new Image(3, Height, PixelMode.L, [.. Enumerable.Range(0, 3 * Height).Select(i => (byte)(1 + (i % 3)))]);

        Image sheared = Affine.ShearX(tall, 0.3);

        Assert.Equal([1, 2, 3, 1, 2, 3], sheared.Pixels[..6]);
        Assert.Equal([2, 3, 0], sheared.Pixels[(3 * 3)..(4 * 3)]);
        Assert.All(sheared.Pixels[^300..], level => Assert.Equal(0, level));
    }

    [Theory]
    [InlineData(-1, 0, 1, 1)]
    [InlineData(0, 0, 4, 1)]
    [InlineData(2, 1, 1, 2)]
    [InlineData(0, 0, 0, 1)]
    public void APartOutsideThePictureIsRefused(int left, int top, int width, int height) =>
        Assert.Throws<ArgumentOutOfRangeException>(() => Crop.Take(new Image(3, 2, PixelMode.L, new byte[6]), left, top, width, height));

    private static Image Picture(string name)
    {
        JsonElement picture = Reference.GetProperty("pictures").GetProperty(name);
        return new Image(
            picture.GetProperty("width").GetInt32(), picture.GetProperty("height").GetInt32(),
            Enum.Parse<PixelMode>(picture.GetProperty("mode").GetString()!), picture.GetProperty("pixels").GetBytesFromBase64());
    }

    private static Image Run(string operation, Image image, double x, byte fill) => operation switch
    {
        "AutoContrast" => Levels.AutoContrast(image),
        "Equalize" => Levels.Equalize(image),
        "Invert" => Levels.Invert(image),
        "Posterize" => Levels.Posterize(image, (int)x),
        "Solarize" => Levels.Solarize(image, x),
        "Color" => Enhance.Colour(image, x),
        "Contrast" => Enhance.Contrast(image, x),
        "Brightness" => Enhance.Brightness(image, x),
        "Sharpness" => Enhance.Sharpness(image, x),
        "Hue" => Hue.Shift(image, x),
        "ShearX" => Affine.ShearX(image, x, fill),
        "ShearY" => Affine.ShearY(image, x, fill),
        "TranslateX" => Affine.Translate(image, (int)x, 0, fill),
        "TranslateY" => Affine.Translate(image, 0, (int)x, fill),
        "Rotate" => Affine.Rotate(image, x, fill),
        "FlipHorizontally" => Crop.FlipHorizontally(image),
        "FlipVertically" => Crop.FlipVertically(image),
        "Crop" => Crop.Take(image, 1, 2, (int)x, (int)x),
        _ => throw new InvalidOperationException($"operation {operation} is not known to this test"),
    };
}
