using Lorikeet.Imaging;
using Lorikeet.Testing;
using Lorikeet.Text.Chat;

namespace Lorikeet.Models.Tests;

public sealed class ProcessorTests
{
    [Fact]
    public void Measuring_gives_what_encoding_gives_but_for_the_pixels()
    {
        Processor processor = Tiny();
        Image[] images = [.. new[] { "landscape.png", "tiny.png" }.Select(name => ImageDecoder.Decode(Golden.Path("cases", "images", name)))];
        ChatMessage[] messages = [new("user", [new ImagePart(), new TextPart("and"), new ImagePart()]), new("assistant", [new TextPart("two")])];
        EncodedSample encoded = processor.Encode(new Conversation(messages, images), new EncodeOptions());
        EncodedSample measured = processor.Measure(messages, [.. images.Select(i => new PixelSize(i.Width, i.Height))], new EncodeOptions());
        Assert.NotNull(encoded.Pixels);
        Assert.Null(measured.Pixels);
        Assert.Equal(encoded.Ids, measured.Ids);
        Assert.Equal(encoded.Labels, measured.Labels);
        Assert.Equal(encoded.Layout!.Pictures, measured.Layout!.Pictures);
        ModelInput input = processor.Collate([encoded]);
        Assert.Equal(input.Vision!.FeatureRows.Sum(), measured.Layout.Pictures.Sum(p => p.Tokens));
    }

    [Fact]
    public void Orientation_marks_are_obeyed_only_when_asked()
    {
        Processor processor = Tiny();
        byte[] pixels = [.. Enumerable.Range(0, 300 * 90).Select(i => (byte)(i * 7))];
        var sideways = new Image(300, 90, PixelMode.L, pixels, orientation: 6);
        ChatMessage[] messages = [new("user", [new ImagePart()]), new("assistant", [new TextPart("x")])];
        EncodedSample Encode(Image image, bool exif) =>
            processor.Encode(new Conversation(messages, [image]), new EncodeOptions { Images = new ImageOptions { ApplyExif = exif } });
        PictureShape ignored = Encode(sideways, false).Layout!.Pictures[0], obeyed = Encode(sideways, true).Layout!.Pictures[0];
        Assert.True(ignored.Width > ignored.Height);
        Assert.True(obeyed.Height > obeyed.Width);
        Assert.Equal(obeyed, Encode(sideways.Upright(), false).Layout!.Pictures[0]);
    }

    private static Processor Tiny() => ModelCatalog.LoadProcessor(ModelDirectory.Open(Golden.Path("models", "smolvlm")));
}
