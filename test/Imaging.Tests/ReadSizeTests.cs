using Lorikeet.Testing;

namespace Lorikeet.Imaging.Tests;

public sealed class ReadSizeTests
{
    public static TheoryData<string> Pictures() => [.. Directory.EnumerateFiles(Golden.Path("images", "src")).Select(f => Path.GetFileName(f)).Order(StringComparer.Ordinal)];

    [Theory]
    [MemberData(nameof(Pictures))]
    public void The_header_tells_the_size_of_the_decoded_picture(string name)
    {
        byte[] file = File.ReadAllBytes(Golden.Path("images", "src", name));
        Image decoded = ImageDecoder.Decode(file, name), upright = decoded.Upright();
        Assert.Equal(new PixelSize(decoded.Width, decoded.Height), ImageDecoder.ReadSize(file, name));
        Assert.Equal(new PixelSize(upright.Width, upright.Height), ImageDecoder.ReadSize(file, name, applyExif: true));
    }

    [Fact]
    public void A_header_beyond_the_limits_is_refused()
    {
        string name = Directory.EnumerateFiles(Golden.Path("images", "src"), "*.png").First();
        var error = Assert.Throws<InvalidDataException>(() => ImageDecoder.ReadSize(File.ReadAllBytes(name), "big.png", limits: new DecodeLimits { MaxPixels = 4 }));
        Assert.Contains("big.png", error.Message, StringComparison.Ordinal);
    }
}
