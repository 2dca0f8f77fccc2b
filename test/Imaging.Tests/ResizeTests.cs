namespace Lorikeet.Imaging.Tests;

public sealed class ResizeTests
{
    [Theory]
    [InlineData(PixelMode.L)]
    [InlineData(PixelMode.LA)]
    [InlineData(PixelMode.RGB)]
    [InlineData(PixelMode.RGBA)]
    public void Vector_passes_equal_the_scalar_definition(PixelMode mode)
    {
        var random = new Random(5);
        int channels = Image.BytesPerPixelOf(mode);
        for (int round = 0; round < 60; round++)
        {
            int width = random.Next(1, 70), height = random.Next(1, 70), newWidth = random.Next(1, 90), newHeight = random.Next(1, 90);
            var filter = (ResizeFilter)random.Next(1, 6);
            var pixels = new byte[width * height * channels];
            random.NextBytes(pixels);
            var source = new Raster(pixels, width, height, channels);

            var columns = ResizeCoefficients.Compute(width, 0, width, newWidth, filter);
            var across = Resampler.Horizontal(source, columns, 0, height);
            Assert.Equal(Scalar(source, columns, alongRows: true), across.Pixels);

            var rows = ResizeCoefficients.Compute(height, 0, height, newHeight, filter);
            Assert.Equal(Scalar(across, rows, alongRows: false), Resampler.Vertical(across, rows, 0).Pixels);
        }
    }

    [Theory]
    [InlineData(ResizeFilter.Nearest)]
    [InlineData(ResizeFilter.Box)]
    [InlineData(ResizeFilter.Bilinear)]
    [InlineData(ResizeFilter.Hamming)]
    [InlineData(ResizeFilter.Bicubic)]
    [InlineData(ResizeFilter.Lanczos)]
    public void A_uniform_picture_stays_uniform_at_any_size(ResizeFilter filter)
    {
        var image = new Image(5, 3, PixelMode.RGB, [.. Enumerable.Repeat<byte>(200, 45)]);
        foreach (var (width, height) in new[] { (1, 1), (500, 1), (1, 500), (33, 2), (7, 64) })
        {
            Assert.All(Resize.Apply(image, width, height, filter).Pixels, v => Assert.Equal(200, v));
        }
    }

    [Fact]
    public void Absurd_shapes_are_resized()
    {
        foreach (var (width, height) in new[] { (1, 60_000), (60_000, 1) })
        {
            var image = new Image(width, height, PixelMode.L, [.. Enumerable.Repeat<byte>(9, 60_000)]);
            Assert.Equal([9, 9, 9, 9, 9, 9], Resize.Apply(image, 3, 2, ResizeFilter.Lanczos).Pixels);
            Assert.Equal(1, Math.Min(Resize.Thumbnail(image, 100, 100).Width, Resize.Thumbnail(image, 100, 100).Height));
        }
    }

    [Fact]
    public void Transparent_colour_does_not_bleed()
    {
        var image = new Image(2, 1, PixelMode.RGBA, [255, 0, 0, 0, 0, 0, 255, 255]);
        var pixel = Resize.Apply(image, 1, 1, ResizeFilter.Box).Pixels;
        Assert.Equal((0, 128), (pixel[0], pixel[3]));
        Assert.InRange(pixel[2], 254, 255);
    }

    [Fact]
    public void Nonsense_is_refused()
    {
        var image = new Image(4, 4, PixelMode.L, new byte[16]);
        Assert.ThrowsAny<ArgumentException>(() => Resize.Apply(image, 0, 1, ResizeFilter.Box));
        Assert.ThrowsAny<ArgumentException>(() => Resize.Apply(image, 1, 1, (ResizeFilter)6));
        Assert.ThrowsAny<ArgumentException>(() => Resize.Apply(image, 1, 1, ResizeFilter.Box, new ResizeBox(0, 0, 5, 4)));
        Assert.ThrowsAny<ArgumentException>(() => Resize.Apply(image, 1, 1, ResizeFilter.Box, new ResizeBox(2, 0, 2, 4)));
        Assert.ThrowsAny<ArgumentException>(() => Resize.Apply(image, 1, 1, ResizeFilter.Box, new ResizeBox(float.NaN, 0, 2, 4)));
        Assert.ThrowsAny<ArgumentException>(() => Resize.Apply(new Image(1, 1, PixelMode.I16, new byte[2]), 2, 2, ResizeFilter.Box));
        Assert.ThrowsAny<ArgumentException>(() => new Image(2, 2, PixelMode.RGB, new byte[11]));
    }

    private static byte[] Scalar(Raster source, ResizeCoefficients coefficients, bool alongRows)
    {
        int size = coefficients.First.Length, channels = source.Channels;
        int width = alongRows ? size : source.Width, height = alongRows ? source.Height : size;
        var target = new byte[width * height * channels];
        for (int y = 0; y < height; y++)
        {
            for (int x = 0; x < width; x++)
            {
                int i = alongRows ? x : y;
                for (int c = 0; c < channels; c++)
                {
                    int sum = 1 << (ResizeCoefficients.FractionBits - 1);
                    for (int t = 0; t < coefficients.Count[i]; t++)
                    {
                        int at = coefficients.First[i] + t;
                        int pixel = alongRows ? y * source.Width + at : at * source.Width + x;
                        sum += source.Pixels[pixel * channels + c] * coefficients.Weights[i * coefficients.Taps + t];
                    }
                    target[(y * width + x) * channels + c] = (byte)Math.Clamp(sum >> ResizeCoefficients.FractionBits, 0, 255);
                }
            }
        }
        return target;
    }
}
