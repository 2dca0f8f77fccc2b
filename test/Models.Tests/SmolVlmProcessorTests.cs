using System.Text.Json;
using Lorikeet.Imaging;
using Lorikeet.Models.Families;
using Lorikeet.Nn.Weights;
using Lorikeet.Testing;
using Lorikeet.Text.Tokenizers;

namespace Lorikeet.Models.Tests;

public sealed class SmolVlmProcessorTests
{
    private static readonly string[] Cases = ["one_image", "batch_two", "multi_image", "odd_modes", "no_split"];

    public static TheoryData<string, string> Goldens()
    {
        var data = new TheoryData<string, string>();
        foreach (string family in new[] { "idefics3", "smolvlm" })
        {
            // Both are the same code; the repository keeps all cases of one of them.
            foreach (string name in family == "smolvlm" ? Cases : ["one_image"])
            {
                data.Add(family, name);
            }
        }
        return data;
    }

    [Theory]
    [MemberData(nameof(Goldens))]
    public void Pixels_and_masks_equal_the_reference(string family, string name)
    {
        var (processor, samples, _) = Prepare(family, name);
        var batch = SmolVlmImages.Pad([.. samples.Select(images => processor.Process(images))]);

        using var expected = SafeTensorsFile.Open(Golden.Path("cases", family, name + ".safetensors"));
        long[] shape = [batch.Samples, batch.Tiles, 3, batch.TileSize, batch.TileSize];
        Assert.Equal(expected.Info("pixel_values").Shape, shape);
        Assert.Equal(expected.ReadBytes("pixel_attention_mask"), batch.PixelAttentionMask);
        float[] values = expected.ReadF32("pixel_values");
        float worst = values.Zip(batch.PixelValues, (a, b) => Math.Abs(a - b)).Max();
        Assert.True(worst <= 1e-6f, $"{family}/{name}: pixel_values differ by {worst}");
    }

    [Theory]
    [MemberData(nameof(Goldens))]
    public void Plans_and_texts_agree_with_the_tiles_that_are_made(string family, string name)
    {
        var (processor, samples, texts) = Prepare(family, name);
        for (int b = 0; b < samples.Length; b++)
        {
            var made = processor.Process(samples[b]);
            Assert.Equal(made.Grids, samples[b].Select(image => processor.Plan(image.Width, image.Height)));
            string text = processor.ExpandText(texts[b], made.Grids).Text;
            int tokens = text.Split(processor.Settings.ImageToken).Length - 1;
            Assert.Equal(made.TileCount * processor.Settings.ImageSeqLen, tokens);
        }
    }

    [Theory]
    [MemberData(nameof(Goldens))]
    public void Ids_of_expanded_texts_equal_the_reference(string family, string name)
    {
        var (processor, samples, texts) = Prepare(family, name);
        using var expected = SafeTensorsFile.Open(Golden.Path("cases", family, name + ".safetensors"));
        long[] ids = expected.ReadI64("input_ids"), mask = expected.ReadI64("attention_mask");
        var tokenizer = Tokenizer.Load(Golden.Path("models", family, "tokenizer.json"));
        int length = ids.Length / samples.Length;
        for (int b = 0; b < samples.Length; b++)
        {
            var grids = samples[b].Select(image => processor.Plan(image.Width, image.Height)).ToArray();
            int[] actual = tokenizer.Encode(processor.ExpandText(texts[b], grids).Text, addSpecialTokens: false).Ids;
            Assert.Equal(Enumerable.Range(b * length, length).Where(i => mask[i] == 1).Select(i => (int)ids[i]), actual);
        }
    }

    [Fact]
    public void Image_tokens_expand_to_rows_columns_and_the_whole_picture()
    {
        var processor = new SmolVlmProcessor(new SmolVlmProcessorSettings { ImageSeqLen = 2 });

        var expanded = processor.ExpandText("a<image>b<image>", [new TileGrid(1, 2), default]);

        const string Fake = "<fake_token_around_image>", Two = "<image><image>";
        Assert.Equal(
            $"a{Fake}<row_1_col_1>{Two}{Fake}<row_1_col_2>{Two}\n\n{Fake}<global-img>{Two}{Fake}b{Fake}<global-img>{Two}{Fake}", expanded.Text);
    }

    [Fact]
    public void Positions_of_the_old_text_are_found_in_the_new_one()
    {
        var processor = new SmolVlmProcessor(new SmolVlmProcessorSettings { ImageSeqLen = 3 });
        const string Text = "ab<image>cd<image><image>ef";

        var expanded = processor.ExpandText(Text, [default, new TileGrid(2, 3), default]);

        foreach (string part in new[] { "ab", "cd", "ef" })
        {
            int old = Text.IndexOf(part, StringComparison.Ordinal);
            Assert.Equal(part, expanded.Text[expanded.MapOffset(old)..expanded.MapOffset(old + part.Length)]);
        }
        Assert.Equal(expanded.Text.Length, expanded.MapOffset(Text.Length));
        Assert.Equal(0, expanded.MapOffset(0));
        Assert.Equal(expanded.Moves[0].NewStart, expanded.MapOffset(5));
    }

    [Theory]
    [InlineData("no token", 1, "0 <image> tokens, but the sample has 1 pictures")]
    [InlineData("<image><image>", 1, "2 <image> tokens, but the sample has 1 pictures")]
    public void A_wrong_number_of_tokens_is_refused_with_both_numbers(string text, int pictures, string message)
    {
        var processor = new SmolVlmProcessor(new SmolVlmProcessorSettings());
        var error = Assert.Throws<InvalidDataException>(() => processor.ExpandText(text, new TileGrid[pictures]));
        Assert.Contains(message, error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(1, 1)]
    [InlineData(4000, 1)]
    [InlineData(1, 4000)]
    [InlineData(3, 2)]
    public void Absurd_shapes_become_whole_tiles(int width, int height)
    {
        var processor = new SmolVlmProcessor(new SmolVlmProcessorSettings { LongestEdge = 96, TileSize = 32 });
        var images = processor.Process([new Image(width, height, PixelMode.RGB, new byte[width * height * 3])]);

        Assert.Equal(processor.Plan(width, height), images.Grids[0]);
        Assert.Equal(images.TileCount * 3 * 32 * 32, images.Pixels.Length);
        Assert.All(images.Pixels, v => Assert.Equal(-1f, v));
    }

    [Fact]
    public void A_smaller_longest_edge_makes_fewer_tiles()
    {
        var processor = new SmolVlmProcessor(new SmolVlmProcessorSettings { LongestEdge = 2048, TileSize = 512 });
        Assert.Equal(new TileGrid(3, 4), processor.Plan(640, 480));
        Assert.Equal(new TileGrid(2, 2), processor.Plan(640, 480, longestEdge: 1024));
        Assert.Equal(default, processor.Plan(640, 480, longestEdge: 512));
        Assert.Equal(1, processor.Plan(640, 480, longestEdge: 512).TileCount);
    }

    [Fact]
    public void Alpha_follows_the_options()
    {
        var processor = new SmolVlmProcessor(new SmolVlmProcessorSettings { LongestEdge = 2, TileSize = 2, DoImageSplitting = false });
        var clear = new Image(2, 2, PixelMode.RGBA, new byte[16]);
        Assert.All(processor.Process([clear]).Pixels, v => Assert.Equal(-1f, v));
        Assert.All(processor.Process([clear], new SmolVlmImageOptions { Alpha = AlphaHandling.White }).Pixels, v => Assert.Equal(1f, v));
    }

    [Fact]
    public void Patches_of_a_batch_stand_in_the_order_of_the_tiles()
    {
        var processor = new SmolVlmProcessor(new SmolVlmProcessorSettings { LongestEdge = 8, TileSize = 4 });
        var one = processor.Process([Gradient(8, 4)]);
        var two = processor.Process([Gradient(4, 8), Gradient(8, 8)]);

        var vision = SmolVlmImages.ToVision([one, two, processor.Process([])], patchSize: 2, imageSeqLen: 1, keys: [])!;

        Assert.Equal([one.TileCount, two.TileCount, 0], vision.FeatureRows);
        Assert.Equal(one.TileCount + two.TileCount, vision.Tiles.Count);
        Assert.Equal(Patches.Extract(one.Pixels.AsSpan(0, 48), 3, 4, 4, 2, 2), vision.Patches[..48]);
        Assert.Equal(Patches.Extract(two.Pixels.AsSpan(48, 48), 3, 4, 4, 2, 2), vision.Patches.AsSpan((one.TileCount + 1) * 48, 48).ToArray());
        Assert.Null(SmolVlmImages.ToVision([processor.Process([])], 2, 1, []));
    }

    [Theory]
    [InlineData("""{"max_image_size":{"longest_edge":0}}""", "max_image_size")]
    [InlineData("""{"size":{"shortest_edge":5}}""", "width")]
    [InlineData("""{"resample":9}""", "resample")]
    [InlineData("""{"image_mean":[0.5,0.5]}""", "image_mean")]
    [InlineData("""{"image_std":[0,0.5,0.5]}""", "image_std")]
    [InlineData("""{"do_center_crop":true}""", "do_center_crop")]
    [InlineData("""{"image_processor_type":"CLIPImageProcessor"}""", "Idefics3ImageProcessor")]
    public void Unusable_settings_are_named(string json, string named)
    {
        var section = ConfigSection.From("preprocessor_config.json", JsonDocument.Parse(json).RootElement);
        var error = Assert.Throws<InvalidDataException>(() => new SmolVlmProcessor(new SmolVlmProcessorSettings().With(section)));
        Assert.Contains(named, error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("""{"image_processor":{"size":{"longest_edge":64},"max_image_size":{"longest_edge":32}},"image_seq_len":4}""", 64)]
    [InlineData("""{"image_seq_len":4}""", 96)]
    public void Settings_in_processor_config_go_before_the_older_file(string processorConfig, int longestEdge)
    {
        using var directory = new Copy("idefics3");
        directory.Write("processor_config.json", processorConfig);
        var settings = SmolVlmProcessor.From(ModelDirectory.Open(directory.Path)).Settings;
        Assert.Equal((longestEdge, 32, 4), (settings.LongestEdge, settings.TileSize, settings.ImageSeqLen));
    }

    [Fact]
    public void Files_of_different_models_are_told_apart()
    {
        using var directory = new Copy("idefics3");
        directory.Write("processor_config.json", """{"image_seq_len":5}""");
        var error = Assert.Throws<InvalidDataException>(() => SmolVlmProcessor.From(ModelDirectory.Open(directory.Path)));
        Assert.Contains("image_seq_len is 5", error.Message, StringComparison.Ordinal);
        Assert.Contains("give 4 feature rows", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Unknown_keys_are_listed()
    {
        var section = ConfigSection.From("f", JsonDocument.Parse("""{"do_resize":false,"do_sharpen":true,"video_sampling":{}}""").RootElement);
        Assert.Equal(["do_sharpen"], new SmolVlmProcessorSettings().With(section).IgnoredKeys);
    }

    private static Image Gradient(int width, int height) =>
        new(width, height, PixelMode.RGB, [.. Enumerable.Range(0, width * height * 3).Select(i => (byte)(i * 7))]);

    private static (SmolVlmProcessor Processor, Image[][] Samples, string[] Texts) Prepare(string family, string name)
    {
        var golden = JsonDocument.Parse(File.ReadAllText(Golden.Path("cases", family, name + ".json"))).RootElement;
        var settings = SmolVlmProcessorSettings.From(ModelDirectory.Open(Golden.Path("models", family)))
            .With(ConfigSection.From("processor_kwargs", golden.GetProperty("processor_kwargs")));
        Image[][] samples = [.. golden.GetProperty("images").EnumerateArray().Select(sample =>
            sample.EnumerateArray().Select(file => ImageDecoder.Decode(Golden.Path("cases", "images", file.GetString()!))).ToArray())];
        string[] texts = [.. golden.GetProperty("text").EnumerateArray().Select(text => text.GetString()!)];
        return (new SmolVlmProcessor(settings), samples, texts);
    }

    /// <summary>A golden model directory that a test may change.</summary>
    private sealed class Copy : IDisposable
    {
        public Copy(string family)
        {
            foreach (string file in Directory.GetFiles(Golden.Path("models", family), "*.json"))
            {
                File.Copy(file, System.IO.Path.Combine(Path, System.IO.Path.GetFileName(file)));
            }
        }

        public string Path { get; } = Directory.CreateTempSubdirectory("lorikeet-").FullName;

        public void Write(string file, string content) => File.WriteAllText(System.IO.Path.Combine(Path, file), content);

        public void Dispose() => Directory.Delete(Path, recursive: true);
    }
}
