using Lorikeet.Testing;
using static Lorikeet.Imaging.Tests.PictureFiles;

namespace Lorikeet.Imaging.Tests;

public sealed class HostileFilesTests
{
    private static string Source(string file) => Golden.Path("images", "src", file);

    [Fact]
    public void A_missing_file_is_named()
    {
        var error = Assert.Throws<InvalidDataException>(() => ImageDecoder.Decode("no/such/picture.png"));
        Assert.Equal("no/such/picture.png: the picture cannot be read: the file does not exist", error.Message);
    }

    [Fact]
    public async Task Pipes_and_devices_are_refused_without_opening_them()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "pipes have no place among the files here");
        string folder = Directory.CreateTempSubdirectory("lorikeet-pipe-").FullName, pipe = Path.Combine(folder, "a.png"), link = Path.Combine(folder, "b.png");
        using (var made = System.Diagnostics.Process.Start("mkfifo", pipe))
        {
            made.WaitForExit();
        }

        File.CreateSymbolicLink(link, pipe);
        foreach (string file in new[] { pipe, link, "/dev/zero" })
        {
            // Opening the pipe would wait for ever.
            InvalidDataException refused = await Task.Run(() => Assert.Throws<InvalidDataException>(() => ImageDecoder.Decode(file)), TestContext.Current.CancellationToken)
                .WaitAsync(TimeSpan.FromSeconds(30), TestContext.Current.CancellationToken);
            Assert.StartsWith($"{file}: ", refused.Message, StringComparison.Ordinal);
        }

        Directory.Delete(folder, recursive: true);
    }

    [Theory]
    [InlineData("hello world, this is no picture", "looks like text")]
    [InlineData("%PDF-1.7 ...", "looks like a PDF document")]
    [InlineData("<svg xmlns='http://www.w3.org/2000/svg'/>", "looks like an SVG drawing")]
    [InlineData("version https://git-lfs.github.com/spec/v1", "looks like a Git LFS pointer")]
    [InlineData("\u0001\u0002\u0003", "begins with the bytes 010203")]
    public void What_is_no_picture_is_described(string content, string described)
    {
        var error = Refused(System.Text.Encoding.ASCII.GetBytes(content));
        Assert.Contains("f.png: not a picture that can be read; expected JPEG, PNG, WebP, GIF, TIFF or BMP", error, StringComparison.Ordinal);
        Assert.Contains(described, error, StringComparison.Ordinal);
    }

    [Fact]
    public void An_empty_file_is_refused() => Assert.StartsWith("f.png: the file is empty", Refused([]), StringComparison.Ordinal);

    [Fact]
    public void A_wrong_extension_does_not_matter()
    {
        string path = Path.Combine(Path.GetTempPath(), Path.GetRandomFileName() + ".png");
        File.Copy(Source("photo.jpg"), path);
        try
        {
            Assert.Equal(ImageDecoder.Decode(Source("photo.jpg")).Pixels, ImageDecoder.Decode(path).Pixels);
        }
        finally
        {
            File.Delete(path);
        }
    }

    [Theory]
    [InlineData("photo.jpg", "truncated")]
    [InlineData("progressive_420_q80.jpg", "truncated")]
    [InlineData("landscape.png", "truncated")]
    [InlineData("other.gif", "truncated")]
    [InlineData("other.bmp", "truncated")]
    [InlineData("other.webp", "truncated")]
    public void Truncated_files_are_refused_and_named(string file, string word)
    {
        byte[] whole = File.ReadAllBytes(Source(file));
        foreach (double part in new[] { 0.3, 0.6, 0.95 })
        {
            string error = Refused(whole[..(int)(whole.Length * part)]);
            Assert.StartsWith("f.png: ", error, StringComparison.Ordinal);
            Assert.Contains(word, error, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void A_decompression_bomb_is_refused_by_its_header()
    {
        string error = Refused(Png(50_000, 50_000, 8, 0, []));
        Assert.Contains("50000 x 50000 = 2500000000 pixels; at most 89478485", error, StringComparison.Ordinal);
        Assert.Contains("longest side", Refused(Png(1_000_000, 1, 1, 0, new byte[125_000])), StringComparison.Ordinal);
        Assert.Contains("65535 x 65535", Refused(Gif(65_535, 65_535, (0, 0, 1, 1), new byte[12], [0])), StringComparison.Ordinal);
        Assert.Contains("60000 x 60000", Refused(Bmp(60_000, 60_000, 24, [], new byte[64])), StringComparison.Ordinal);
        Assert.Contains("60000 x 60000", Refused(Tiff(60_000, 60_000, [8], 1, new byte[64])), StringComparison.Ordinal);
    }

    [Fact]
    public void The_caps_are_the_callers()
    {
        byte[] file = File.ReadAllBytes(Source("square.png"));
        Assert.Equal(64, ImageDecoder.Decode(file, "f", new DecodeLimits { MaxPixels = 64 * 64 }).Width);
        foreach (var limits in new[] { new DecodeLimits { MaxPixels = 64 * 64 - 1 }, new DecodeLimits { MaxSide = 63 }, new DecodeLimits { MaxBytes = file.Length - 1 } })
        {
            Assert.Throws<InvalidDataException>(() => ImageDecoder.Decode(file, "f", limits));
            Assert.Throws<InvalidDataException>(() => ImageDecoder.Decode(Source("square.png"), limits));
        }
    }

    [Fact]
    public void Pictures_of_one_pixel_and_of_one_row_are_fine()
    {
        Assert.Equal([7, 7, 7], ImageDecoder.Decode(Png(1, 1, 8, 0, [7]), "f").ToRgb().Pixels);
        Assert.Equal(60_000, ImageDecoder.Decode(Png(60_000, 1, 8, 0, new byte[60_000]), "f").Width);
        Assert.Equal(60_000, ImageDecoder.Decode(Png(1, 60_000, 8, 0, new byte[60_000]), "f").Height);
    }

    [Fact]
    public void A_jpeg_of_endless_scans_is_refused()
    {
        byte[] whole = File.ReadAllBytes(Source("progressive_444_q90.jpg"));
        int scan = whole.AsSpan().LastIndexOf((ReadOnlySpan<byte>)[0xFF, 0xDA]);
        byte[] again = whole[scan..^2];
        byte[] file = [.. whole[..^2], .. Enumerable.Repeat(again, 200).SelectMany(b => b), 0xFF, 0xD9];
        Assert.Contains("more than 100 scans", Refused(file), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void Damaged_files_give_pixels_or_one_clear_message(int seed)
    {
        var random = new Random(seed);
        var limits = new DecodeLimits { MaxPixels = 1_000_000 };
        foreach (string file in Directory.GetFiles(Golden.Path("images", "src")).Order(StringComparer.Ordinal))
        {
            byte[] whole = File.ReadAllBytes(file);
            for (int round = 0; round < 20; round++)
            {
                byte[] damaged = Damage(whole, random);
                try
                {
                    var image = ImageDecoder.Decode(damaged, "f.png", limits).Upright().OnWhite();
                    Assert.True((long)image.Width * image.Height <= limits.MaxPixels);
                }
                catch (InvalidDataException error)
                {
                    Assert.StartsWith("f.png: ", error.Message, StringComparison.Ordinal);
                    Assert.DoesNotContain('\n', error.Message);
                    Assert.InRange(error.Message.Length, 20, 500);
                }
            }
        }
    }

    [Fact]
    public async Task Many_threads_decode_at_once()
    {
        string[] files = [.. Directory.GetFiles(Golden.Path("images", "src"))];
        var alone = files.Select(f => ImageDecoder.Decode(f).Pixels).ToArray();
        var together = await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => Task.Run(() => files.Select(f => ImageDecoder.Decode(f).Pixels).ToArray())));
        Assert.All(together, pixels => Assert.Equal(alone, pixels));
    }

    private static byte[] Damage(byte[] whole, Random random)
    {
        byte[] damaged = [.. whole];
        switch (random.Next(3))
        {
            case 0:
                damaged[random.Next(damaged.Length)] ^= (byte)(1 << random.Next(8));
                break;
            case 1:
                return damaged[..random.Next(1, damaged.Length)];
            default:
                random.NextBytes(damaged.AsSpan(random.Next(Math.Min(200, damaged.Length - 4)), 4));
                break;
        }
        return damaged;
    }

    private static string Refused(byte[] file) => Assert.Throws<InvalidDataException>(() => ImageDecoder.Decode(file, "f.png")).Message;
}
