using Lorikeet.Testing;

namespace Lorikeet.Imaging.Tests;

/// <summary>Damaged pictures of every format are decoded or refused; the native decoder stays whole.</summary>
public sealed class PictureFuzzTests
{
    private static readonly DecodeLimits Small = new() { MaxPixels = 4_000_000 };

    [Theory]
    [InlineData("baseline_420_q20.jpg")]
    [InlineData("tiny.png")]
    [InlineData("other.gif")]
    [InlineData("other.webp")]
    [InlineData("other.bmp")]
    public void Damaged_pictures_are_decoded_or_refused(string file) => Run(file, seed: 1, count: 20);

    [Theory]
    [Trait("tier", "slow")]
    [InlineData("baseline_420_q20.jpg")]
    [InlineData("progressive_420_q80.jpg")]
    [InlineData("exif_6.jpg")]
    [InlineData("cmyk.jpg")]
    [InlineData("tiny.png")]
    [InlineData("palette_transparent.png")]
    [InlineData("grey16.png")]
    [InlineData("other.gif")]
    [InlineData("other.webp")]
    [InlineData("other.bmp")]
    public void Many_damaged_pictures_are_decoded_or_refused(string file) => Run(file, seed: 2, count: 300);

    private static void Run(string file, int seed, int count)
    {
        byte[] original = File.ReadAllBytes(Golden.Path("images", "src", file));
        var mutator = new Mutator(seed, "\0\0\0\0", "\u007f", "IHDR", "IDAT", "IEND", "eXIf", "acTL", "GIF89a", "RIFF", "WEBP", "VP8X", "BM", "Exif\0\0", "II*\0", "JFIF", "<svg>");
        int good = Fuzz.Run(
            count,
            i =>
            {
                byte[] mutant = mutator.Mutate(original);

                // Sizes and tables stand in the first bytes.
                if (i % 2 == 0 && mutant.Length > 4)
                {
                    mutant[(i * 31) % Math.Min(mutant.Length, 64)] ^= (byte)(1 + (i % 255));
                }

                return mutant;
            },
            mutant =>
            {
                PixelSize size = ImageDecoder.ReadSize(mutant, "f", limits: Small);
                Image image = ImageDecoder.Decode(mutant, "f", Small);
                Assert.Equal((size.Width, size.Height), (image.Width, image.Height));
            },
            maxBytes: 64 << 20);
        Assert.True(good < count, "nothing was refused: the damage is too light");
    }
}
