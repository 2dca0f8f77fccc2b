using Lorikeet.Imaging;
using Lorikeet.Tensors;
using Lorikeet.Tensors.Cpu;
using Lorikeet.Testing;
using Lorikeet.Text.Chat;

namespace Lorikeet.Models.Tests.Families;

/// <summary>What models with a tower, a projector and a decoder share, where the reference's cases don't reach.</summary>
public sealed class ProjectedModelTests
{
    [Theory]
    [InlineData("llava")]
    [InlineData("llava_next")]
    [InlineData("pixtral")]
    public void A_frozen_tower_gives_the_same_some_pictures_at_a_time(string family)
    {
        using var cpu = new CpuDevice();
        using var arena = new Arena(cpu);
        using LoadedModel loaded = ModelCatalog.Load(ModelDirectory.Open(Golden.Path("models", family)), new Parameters(cpu, arena));
        PixelSize[] sizes = [new(50, 30), new(9, 60), new(64, 64), new(20, 20), new(70, 21), new(33, 34)];
        ModelInput input = loaded.Processor.Collate([loaded.Processor.Encode(Chat([.. sizes.Select(Noise)]), new EncodeOptions())]);

        Assert.Equal(Hidden(cpu, arena, loaded.Model, input, atOnce: true), Hidden(cpu, arena, loaded.Model, input, atOnce: false));
    }

    [Theory]
    [InlineData("llava_next")]
    [InlineData("pixtral")]
    public void Pictures_made_visible_have_the_size_of_the_layout(string family)
    {
        Processor processor = ModelCatalog.LoadProcessor(ModelDirectory.Open(Golden.Path("models", family)));
        EncodedSample sample = processor.Encode(Chat(Noise(new PixelSize(50, 30)), Noise(new PixelSize(9, 60))), new EncodeOptions());
        Assert.Equal(sample.Layout!.Pictures.Select(p => (p.Width, p.Height)), processor.Visible(sample).Select(image => (image.Width, image.Height)));
    }

    [Fact]
    public void More_patches_than_positions_are_refused()
    {
        Processor processor = ModelCatalog.LoadProcessor(ModelDirectory.Open(Golden.Path("models", "pixtral")));
        var options = new EncodeOptions { Images = new ImageOptions { LongestEdge = 200 } };
        InvalidDataException error = Assert.Throws<InvalidDataException>(() => processor.Encode(Chat(Noise(new PixelSize(90, 40))), options));
        Assert.Contains("90 x 40 pixels becomes 12 x 5 patches; the vision tower has positions for 8", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_picture_of_which_nothing_would_be_left_is_refused()
    {
        Processor processor = ModelCatalog.LoadProcessor(ModelDirectory.Open(Golden.Path("models", "pixtral")));
        InvalidDataException error = Assert.Throws<InvalidDataException>(() => processor.Encode(Chat(Noise(new PixelSize(900, 2))), new EncodeOptions()));
        Assert.Contains("900 x 2", error.Message, StringComparison.Ordinal);
    }

    private static Conversation Chat(params Image[] images) =>
        new([new ChatMessage("user", [.. images.Select(_ => (ContentPart)new ImagePart()), new TextPart("What is it?")]), new ChatMessage("assistant", [new TextPart("Noise.")])], images);

    private static float[] Hidden(CpuDevice cpu, Arena arena, VisionLanguageModel model, ModelInput input, bool atOnce)
    {
        using var scope = new StepScope(cpu, arena, record: false);
        model.Observer = atOnce ? (_, _) => { } : null;
        return model.Hidden(scope, input).ToHost<float>();
    }

    private static Image Noise(PixelSize size)
    {
        byte[] pixels = new byte[3 * size.Width * size.Height];
        for (int i = 0; i < pixels.Length; i++)
        {
            pixels[i] = (byte)Rng.Key((ulong)size.Width, (ulong)i);
        }

        return new Image(size.Width, size.Height, PixelMode.RGB, pixels);
    }
}
