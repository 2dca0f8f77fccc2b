using Lorikeet.Imaging;
using Lorikeet.Models.Backbones;
using Lorikeet.Testing;
using Lorikeet.Text.Chat;

namespace Lorikeet.Models.Tests;

public sealed class MergedPatchesTests
{
    // Hand-computed with the rule of smart_resize, units of 28 pixels, 56 * 56 to 12 * 28 * 28.
    [Theory]
    [InlineData(64, 48, 4, 4)]      // rounds to 56 x 56, 3136 pixels: just enough
    [InlineData(9, 7, 4, 6)]        // both round to 0; grown by sqrt(3136 / 63), rounded up: 84 x 56
    [InlineData(42, 70, 4, 4)]      // 1.5 and 2.5 units round to even: 2 x 2
    [InlineData(1000, 500, 4, 8)]   // shrunk by sqrt(500000 / 9408), rounded down: 112 x 56
    public void A_grid_follows_the_reference(int width, int height, int rows, int columns)
    {
        var pictures = new MergedPatches(ModelDirectory.Open(Golden.Path("models", "qwen2_vl")).ImageProcessorConfig);
        Assert.Equal(new PatchGrid(1, rows, columns), pictures.Grid(new PixelSize(width, height), new ImageOptions()));
    }

    [Fact]
    public void A_range_of_areas_may_be_given_and_an_elongated_picture_is_refused()
    {
        var pictures = new MergedPatches(ModelDirectory.Open(Golden.Path("models", "qwen2_vl")).ImageProcessorConfig);
        Assert.Equal(new PatchGrid(1, 16, 16), pictures.Grid(new PixelSize(224, 224), new ImageOptions { MaxPixels = 224 * 224 }));
        Assert.Equal(new PatchGrid(1, 8, 8), pictures.Grid(new PixelSize(224, 224), new ImageOptions { MaxPixels = 224 * 224, LongestEdge = 112 }));
        Assert.Contains("more than 200 times", Assert.Throws<InvalidDataException>(() => pictures.Grid(new PixelSize(2010, 10), new ImageOptions())).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_model_without_a_range_of_areas_refuses_one()
    {
        Processor processor = ModelCatalog.LoadProcessor(ModelDirectory.Open(Golden.Path("models", "llava")));
        ChatMessage[] messages = [new("user", [new ImagePart()]), new("assistant", [new TextPart("x")])];
        var options = new EncodeOptions { Images = new ImageOptions { MaxPixels = 1000 } };
        Assert.Contains("llava does not", Assert.Throws<InvalidDataException>(() => processor.Measure(messages, [new PixelSize(8, 8)], options)).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("llava")]
    [InlineData("qwen2_vl")]
    [InlineData("qwen3_vl")]
    public void Pictures_can_be_shown_again_as_the_model_sees_them(string family)
    {
        Processor processor = ModelCatalog.LoadProcessor(ModelDirectory.Open(Golden.Path("models", family)));
        byte[] pixels = [.. Enumerable.Range(0, 56 * 56 * 3).Select(i => (byte)(i * 31 / 7))];
        var picture = new Image(56, 56, PixelMode.RGB, pixels);
        ChatMessage[] messages = [new("user", [new ImagePart()]), new("assistant", [new TextPart("x")])];
        EncodedSample sample = processor.Encode(new Conversation(messages, [picture]), new EncodeOptions());
        PictureShape shape = sample.Layout!.Pictures[0];
        Image seen = Assert.Single(processor.Visible(sample));
        Assert.Equal((shape.Width, shape.Height), (seen.Width, seen.Height));
        if (shape.Width == picture.Width)
        {
            Assert.Equal(pixels, seen.Pixels);
        }
    }
}
