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

    [Fact]
    public void Pictures_are_made_smaller_before_the_familys_own_processing()
    {
        Processor processor = Tiny();
        Image[] images = [.. new[] { "landscape.png", "rgba.png", "photo.jpg" }.Select(name => ImageDecoder.Decode(Golden.Path("cases", "images", name)))];
        ChatMessage[] messages = [new("user", [new ImagePart(), new ImagePart(), new ImagePart()]), new("assistant", [new TextPart("x")])];
        var options = new ImageOptions { Alpha = AlphaHandling.White, Reduction = new PictureReduction { ScaleFactor = 0.7, Thumbnail = new PixelSize(30, 20), Resample = ResizeFilter.Lanczos } };

        EncodedSample reduced = processor.Encode(new Conversation(messages, images), new EncodeOptions { Images = options });
        EncodedSample measured = processor.Measure(messages, [.. images.Select(i => new PixelSize(i.Width, i.Height))], new EncodeOptions { Images = options });
        Image[] byHand = [.. images.Select(i => i.OnWhite()).Select(i => Resize.Apply(i, (int)(i.Width * 0.7), (int)(i.Height * 0.7), ResizeFilter.Lanczos)).Select(i => Resize.Thumbnail(i, 30, 20, ResizeFilter.Lanczos))];
        EncodedSample expected = processor.Encode(new Conversation(messages, byHand), new EncodeOptions());

        Assert.Equal(expected.Ids, reduced.Ids);
        Assert.Equal(expected.Ids, measured.Ids);
        Assert.Equal(expected.Layout!.Pictures, measured.Layout!.Pictures);
        Assert.Equal(Values(expected), Values(reduced));

        float[] Values(EncodedSample sample) => (float[])processor.ReferenceImages([sample])["pixel_values"].Values;
    }

    [Fact]
    public void The_longest_edge_replaces_the_processors_own_and_fewer_pixels_make_fewer_tokens()
    {
        Processor processor = Tiny();
        ChatMessage[] messages = [new("user", [new ImagePart()]), new("assistant", [new TextPart("x")])];
        PictureShape[] shapes = [.. new int?[] { null, 32, 64 }.Select(edge => processor.Measure(messages, [new PixelSize(300, 200)], new EncodeOptions { Images = new ImageOptions { LongestEdge = edge } }).Layout!.Pictures[0])];
        Assert.True(shapes[1].Tokens < shapes[2].Tokens && shapes[2].Tokens <= shapes[0].Tokens, string.Join("; ", shapes));
    }

    private static Processor Tiny() => ModelCatalog.LoadProcessor(ModelDirectory.Open(Golden.Path("models", "smolvlm")));
}
