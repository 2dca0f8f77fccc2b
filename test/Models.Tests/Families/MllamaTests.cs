using Lorikeet.Imaging;
using Lorikeet.Models.Families;
using Lorikeet.Nn;
using Lorikeet.Tensors;
using Lorikeet.Tensors.Cpu;
using Lorikeet.Testing;
using Lorikeet.Text.Chat;

namespace Lorikeet.Models.Tests.Families;

/// <summary>What is Llama-3.2-Vision's own: ranges of pictures, arrangements of tiles, keys of tokens without a picture, the cache.</summary>
public sealed class MllamaTests
{
    [Theory]
    [InlineData(new int[0], 9, new int[0])]
    [InlineData(new[] { 3 }, 9, new[] { 3, 9 })]
    [InlineData(new[] { 8 }, 9, new[] { 8, 9 })]
    [InlineData(new[] { 2, 5 }, 9, new[] { 2, 5, 5, 9 })]
    [InlineData(new[] { 2, 3 }, 9, new[] { 2, 9, 3, 9 })]
    [InlineData(new[] { 1, 2, 6 }, 9, new[] { 1, 6, 2, 6, 6, 9 })]
    [InlineData(new[] { 1, 4, 5, 6 }, 9, new[] { 1, 4, 4, 9, 5, 9, 6, 9 })]
    public void A_picture_is_seen_up_to_the_next_one_and_neighbours_end_together(int[] tokens, int length, int[] expected) =>
        Assert.Equal(expected, MllamaSight.Ranges(tokens, length).SelectMany(r => new[] { r.Start, r.End }));

    [Theory]
    [InlineData(28, 28, 1, 1, 28, 28)]
    [InlineData(9, 7, 1, 1, 28, 21)]
    [InlineData(29, 28, 1, 2, 29, 28)]
    [InlineData(56, 28, 1, 2, 56, 28)]
    [InlineData(28, 56, 2, 1, 28, 56)]
    [InlineData(500, 500, 2, 2, 56, 56)]
    [InlineData(1000, 10, 1, 4, 112, 1)]
    [InlineData(10000, 10, 1, 4, 112, 1)]
    public void A_picture_takes_the_arrangement_that_changes_it_least(int width, int height, int rows, int columns, int newWidth, int newHeight)
    {
        ModelDirectory directory = ModelDirectory.Open(Golden.Path("models", "mllama"));
        var tiles = new MllamaTiles(directory.ImageProcessorConfig, MllamaConfig.From(directory.Config).Vision);
        Assert.Equal(new MllamaPlace(rows, columns, newWidth, newHeight), tiles.Place(new PixelSize(width, height), isSplit: true));
        Assert.Equal((1, 1), (tiles.Place(new PixelSize(width, height), isSplit: false).Rows, tiles.Place(new PixelSize(width, height), isSplit: false).Columns));
    }

    [Fact]
    public void Padding_like_the_reference_changes_tokens_before_a_picture_by_what_they_are_batched_with_and_training_does_not()
    {
        using var tiny = new Tiny();
        EncodedSample one = tiny.Encode("square.png"), three = tiny.Encode("landscape.png", "tiny.png", "portrait.png");
        Assert.Equal(tiny.Hidden([one]), tiny.Hidden([one, three])[..tiny.Hidden([one]).Length]);
        tiny.Loaded.Processor.PadsAsReference = true;
        float[] alone = tiny.Hidden([one]), together = tiny.Hidden([one, three])[..alone.Length];
        Assert.True(alone.Zip(together, (a, b) => Math.Abs(a - b)).Max() > 1e-3);
    }

    [Fact]
    public void A_text_in_a_batch_with_pictures_skips_the_layers_that_look_at_them()
    {
        using var tiny = new Tiny();
        EncodedSample text = tiny.Encode(), picture = tiny.Encode("square.png");
        float[] alone = tiny.Hidden([text]);
        Assert.Equal(alone, tiny.Hidden([picture, text])[^alone.Length..]);
    }

    [Fact]
    public void A_place_of_the_cache_forgets_the_pictures_of_its_earlier_sequence()
    {
        using var tiny = new Tiny();
        EncodedSample text = tiny.Encode(), picture = tiny.Encode("landscape.png", "tiny.png");
        using KvCache cache = tiny.Loaded.Model.NewCache(tiny.Parameters, 1, 200);
        long empty = tiny.Live;
        tiny.Hidden([picture], cache);
        Assert.True(tiny.Live > empty);
        cache.Clear(0);
        Assert.Equal(empty, tiny.Live);
        Assert.Equal(tiny.Hidden([text]), tiny.Hidden([text], cache));
    }

    [Fact]
    public void A_transparent_picture_lies_on_white()
    {
        using var tiny = new Tiny();
        var clear = new Image(28, 28, PixelMode.RGBA, new byte[28 * 28 * 4]);
        var sample = tiny.Encode([clear]);
        Assert.All(tiny.Loaded.Processor.Visible(sample)[0].Pixels, value => Assert.Equal(255, value));
    }

    [Fact]
    public void Sizes_of_another_model_are_refused()
    {
        ModelDirectory directory = ModelDirectory.Open(Golden.Path("models", "mllama"));
        MllamaVisionConfig other = MllamaConfig.From(directory.Config).Vision with { Tiles = 2 };
        Assert.Contains("max_image_tiles", Assert.Throws<InvalidDataException>(() => new MllamaTiles(directory.ImageProcessorConfig, other)).Message, StringComparison.Ordinal);
    }

    private sealed class Tiny : IDisposable
    {
        private readonly CpuDevice _device = new(new CpuOptions { Threads = 2 });
        private readonly Arena _arena;

        public Tiny()
        {
            _arena = new Arena(_device);
            Parameters = new Parameters(_device, _arena);
            Loaded = ModelCatalog.Load(ModelDirectory.Open(Golden.Path("models", "mllama")), Parameters);
        }

        public Parameters Parameters { get; }

        public LoadedModel Loaded { get; }

        public long Live => _arena.Account.Live;

        public EncodedSample Encode(params string[] pictures) => Encode([.. pictures.Select(p => ImageDecoder.Decode(Golden.Path("cases", "images", p)))]);

        public EncodedSample Encode(Image[] images) => Loaded.Processor.Encode(
            new Conversation([new ChatMessage("user", [new TextPart("Look: "), .. images.Select(_ => new ImagePart()), new TextPart("What is it?")])], images),
            new EncodeOptions { Loss = LossOn.Nothing, AddGenerationPrompt = true });

        public float[] Hidden(EncodedSample[] samples, KvCache? cache = null)
        {
            using var scope = new StepScope(_device, _arena, record: false);
            return Loaded.Model.Hidden(scope, Loaded.Processor.Collate(samples), cache).ToHost<float>();
        }

        public void Dispose()
        {
            Loaded.Dispose();
            _arena.Dispose();
            _device.Dispose();
        }
    }
}
