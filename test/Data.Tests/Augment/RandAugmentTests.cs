using Lorikeet.Data.Augment;
using Lorikeet.Data.Sampling;
using Lorikeet.Imaging;

namespace Lorikeet.Data.Tests.Augment;

public sealed class RandAugmentTests
{
    [Theory]
    [InlineData(RandAugmentOperation.ShearX, 0.09)]
    [InlineData(RandAugmentOperation.ShearY, 0.09)]
    [InlineData(RandAugmentOperation.TranslateX, 45.0 / 331 * 200)]
    [InlineData(RandAugmentOperation.TranslateY, 45.0 / 331 * 100)]
    [InlineData(RandAugmentOperation.Rotate, 9)]
    [InlineData(RandAugmentOperation.Brightness, 0.27)]
    [InlineData(RandAugmentOperation.Color, 0.27)]
    [InlineData(RandAugmentOperation.Contrast, 0.27)]
    [InlineData(RandAugmentOperation.Sharpness, 0.27)]
    [InlineData(RandAugmentOperation.Posterize, 7)]
    [InlineData(RandAugmentOperation.Solarize, 178.5)]
    [InlineData(RandAugmentOperation.AutoContrast, 0)]
    [InlineData(RandAugmentOperation.Equalize, 0)]
    [InlineData(RandAugmentOperation.Identity, 0)]
    public void MagnitudesAreTorchvisions(RandAugmentOperation operation, double expected) =>
        Assert.Equal(expected, RandAugment.Magnitude(operation, new RandAugmentOptions(), 200, 100), 1e-5);

    [Theory]
    [InlineData(0, 8)]
    [InlineData(3, 8)]
    [InlineData(4, 7)]
    [InlineData(15, 6)]
    [InlineData(26, 5)]
    [InlineData(30, 4)]
    public void PosterizeKeepsFewerBitsWithStrength(int magnitude, int bits) =>
        Assert.Equal(bits, RandAugment.Magnitude(RandAugmentOperation.Posterize, new RandAugmentOptions { Magnitude = magnitude }, 1, 1));

    [Fact]
    public void TheFourteenOperationsAreDrawnEquallyOftenAndWithBothSigns()
    {
        var seen = new Dictionary<string, int>();
        for (ulong key = 0; key < 7000; key++)
        {
            foreach (PictureStep step in RandAugment.Draw(new RandAugmentOptions(), 200, 100, new CounterRandom(key, 0)))
            {
                seen[step.Description] = seen.GetValueOrDefault(step.Description) + 1;
            }
        }

        var operations = seen.GroupBy(p => p.Key.Split(' ')[0]).ToDictionary(g => g.Key, g => g.Sum(p => p.Value));
        Assert.Equal(14, operations.Count);
        Assert.DoesNotContain("Invert", operations.Keys);
        Assert.All(operations.Values, count => Assert.InRange(count, 850, 1150));
        Assert.Equal(14 + 9, seen.Count);
        Assert.InRange(seen["Rotate -9"], 400, 600);
    }

    [Fact]
    public void OnlyTheAskedOperationsAreDrawn()
    {
        var options = new RandAugmentOptions { NumOps = 3, Operations = [RandAugmentOperation.Invert, RandAugmentOperation.Rotate] };

        string[] names = [.. Enumerable.Range(0, 50).SelectMany(key => RandAugment.Draw(options, 9, 9, new CounterRandom((ulong)key, 0))).Select(s => s.Description.Split(' ')[0])];

        Assert.Equal(150, names.Length);
        Assert.Equal(["Invert", "Rotate"], names.Distinct().Order());
    }

    [Fact]
    public void EveryOperationDoesWhatItsNameSays()
    {
        var picture = new Image(4, 4, PixelMode.RGB, [.. Enumerable.Range(0, 48).Select(i => (byte)(30 + (i * 3)))]);
        var expected = new Dictionary<RandAugmentOperation, Func<double, Image>>
        {
            [RandAugmentOperation.Identity] = _ => picture,
            [RandAugmentOperation.ShearX] = x => Affine.ShearX(picture, x, 5),
            [RandAugmentOperation.ShearY] = x => Affine.ShearY(picture, x, 5),
            [RandAugmentOperation.TranslateX] = x => Affine.Translate(picture, (int)x, 0, 5),
            [RandAugmentOperation.TranslateY] = x => Affine.Translate(picture, 0, (int)x, 5),
            [RandAugmentOperation.Rotate] = x => Affine.Rotate(picture, x, 5),
            [RandAugmentOperation.Brightness] = x => Enhance.Brightness(picture, 1 + x),
            [RandAugmentOperation.Color] = x => Enhance.Colour(picture, 1 + x),
            [RandAugmentOperation.Contrast] = x => Enhance.Contrast(picture, 1 + x),
            [RandAugmentOperation.Sharpness] = x => Enhance.Sharpness(picture, 1 + x),
            [RandAugmentOperation.Posterize] = x => Levels.Posterize(picture, (int)x),
            [RandAugmentOperation.Solarize] = x => Levels.Solarize(picture, x),
            [RandAugmentOperation.AutoContrast] = _ => Levels.AutoContrast(picture),
            [RandAugmentOperation.Equalize] = _ => Levels.Equalize(picture),
            [RandAugmentOperation.Invert] = _ => Levels.Invert(picture),
        };

        foreach ((RandAugmentOperation operation, Func<double, Image> run) in expected)
        {
            var options = new RandAugmentOptions { NumOps = 1, Magnitude = 25, Fill = 5, Operations = [operation] };
            double x = RandAugment.Magnitude(operation, options, 4, 4);
            for (ulong key = 0; key < 6; key++)
            {
                byte[] actual = Assert.Single(RandAugment.Draw(options, 4, 4, new CounterRandom(key, 0))).Apply(picture).Pixels;
                Assert.True(actual.SequenceEqual(run(x).Pixels) || actual.SequenceEqual(run(-x).Pixels), $"{operation}, key {key}");
            }
        }
    }
}
