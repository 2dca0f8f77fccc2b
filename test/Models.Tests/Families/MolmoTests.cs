using System.Text.Json;
using Lorikeet.Imaging;
using Lorikeet.Models.Families;
using Lorikeet.Nn.Weights;
using Lorikeet.Testing;
using Lorikeet.Text.Chat;

namespace Lorikeet.Models.Tests.Families;

/// <summary>How Molmo cuts pictures and lays out their tokens, with the settings of the published checkpoints too.</summary>
public sealed class MolmoTests
{
    private const int FirstImageToken = 152064;

    private static readonly string[] ImageTokens = [MolmoLayout.Start, MolmoLayout.End, MolmoLayout.Patch, MolmoLayout.Column];

    [Fact]
    public void Tilings_equal_the_reference()
    {
        JsonElement golden = JsonFile.Read(Golden.Path("cases", "molmo", "tilings.json"));
        int failing = 0;
        foreach (JsonElement row in golden.GetProperty("rows").EnumerateArray())
        {
            MolmoImageSettings settings = Settings(golden.GetProperty("settings").GetProperty(row.GetProperty("settings").GetString()!));
            var size = new PixelSize(row.GetProperty("width").GetInt32(), row.GetProperty("height").GetInt32());
            (int rows, int columns) = settings.Tiling(size.Width, size.Height);
            Assert.Equal(Pair(row, "tiling"), (rows, columns));
            PixelSize canvas = settings.Canvas(rows, columns), overview = new(settings.Size, settings.Size);
            Assert.Equal(Pair(row, "canvas"), (canvas.Height, canvas.Width));
            Assert.Equal(row.GetProperty("window").GetInt32(), settings.Window);
            failing += row.TryGetProperty("error", out _) ? 1 : 0;
            Fits(Pair(row, "resized"), size, canvas);
            Fits(Pair(row, "global_resized"), size, overview);
        }

        Assert.True(failing > 0);
    }

    [Theory]
    [InlineData(300, 900)]
    [InlineData(480, 640)]
    [InlineData(90, 700)]
    public void Tokens_and_the_places_of_features_equal_the_reference(int height, int width)
    {
        MolmoImageSettings settings = Settings(JsonFile.Read(Golden.Path("cases", "molmo", "tilings.json")).GetProperty("settings").GetProperty("published"));
        using SafeTensorsFile expected = SafeTensorsFile.Open(Golden.Path("cases", "molmo", "published_layout.safetensors"));
        string name = FormattableString.Invariant($"{height}x{width}");
        (int rows, int columns) = settings.Tiling(width, height);
        var layout = new MolmoLayout(settings, rows, columns);
        string text = layout.Text();
        var tokens = new List<long>();
        for (int at = 0; at < text.Length; at += ImageTokens[tokens[^1] - FirstImageToken].Length)
        {
            tokens.Add(FirstImageToken + Array.FindIndex(ImageTokens, t => text.AsSpan(at).StartsWith(t, StringComparison.Ordinal)));
        }

        Assert.Equal(expected.ReadI64(name + ".tokens"), tokens);
        Assert.Equal(expected.ReadI64(name + ".image_input_idx"), layout.Tokens().Select(t => t < 0 ? -100L : t));
        Assert.Equal(tokens.Count(t => t == FirstImageToken + 2), layout.Pictures[0].Tokens);

        float[] masks = expected.ReadF32(name + ".image_masks_mean");
        MolmoCanvas canvas = MolmoCanvas.Of(Blank(width, height), settings.Canvas(rows, columns), settings);
        float[] values = new float[settings.Side * settings.Side * settings.Patch * settings.Patch * 3], shares = new float[settings.Side * settings.Side];
        for (int i = 0; i < rows * columns; i++)
        {
            canvas.Cut(i % columns * settings.Window, i / columns * settings.Window, settings, values, shares);
            Assert.Equal(masks[i], shares.Average(), 1e-5f);
        }
    }

    [Fact]
    public void More_than_one_picture_a_sample_is_refused()
    {
        Processor processor = ModelCatalog.LoadProcessor(ModelDirectory.Open(Golden.Path("models", "molmo")));
        ChatMessage[] messages = [new("user", [new ImagePart(), new ImagePart(), new TextPart("Which?")]), new("assistant", [new TextPart("x")])];
        InvalidDataException error = Assert.Throws<InvalidDataException>(() => processor.Measure(messages, [new PixelSize(8, 8), new PixelSize(8, 8)], new EncodeOptions()));
        Assert.Contains("one picture per sample", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Too_thin_a_picture_is_refused_before_it_is_decoded()
    {
        Processor processor = ModelCatalog.LoadProcessor(ModelDirectory.Open(Golden.Path("models", "molmo")));
        ChatMessage[] messages = [new("user", [new ImagePart()]), new("assistant", [new TextPart("x")])];
        InvalidDataException error = Assert.Throws<InvalidDataException>(() => processor.Measure(messages, [new PixelSize(2000, 50)], new EncodeOptions()));
        Assert.Contains("2000 x 50", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Tokens_that_the_head_cannot_produce_are_never_labels()
    {
        Processor processor = ModelCatalog.LoadProcessor(ModelDirectory.Open(Golden.Path("models", "molmo")));
        ChatMessage[] messages = [new("user", [new ImagePart(), new TextPart("Which?")]), new("assistant", [new TextPart("<im_patch> a bird")])];
        foreach (LossOn loss in new[] { LossOn.AllTokens, LossOn.AssistantTurns })
        {
            EncodedSample sample = processor.Measure(messages, [new PixelSize(40, 30)], new EncodeOptions { Loss = loss });
            Assert.Contains(sample.Ids, id => id >= 512);
            Assert.All(sample.Labels, label => Assert.InRange(label, TokenBatch.Ignored, 511));
        }
    }

    private static void Fits((int Height, int Width) expected, PixelSize picture, PixelSize canvas)
    {
        if (expected.Height == 0 || expected.Width == 0)
        {
            Assert.Throws<InvalidDataException>(() => MolmoImageSettings.Fit(picture, canvas));
            return;
        }

        Assert.Equal(new PixelSize(expected.Width, expected.Height), MolmoImageSettings.Fit(picture, canvas));
    }

    private static MolmoImageSettings Settings(JsonElement json) => MolmoImageSettings.From(ConfigSection.From("tilings.json", json));

    private static (int, int) Pair(JsonElement row, string key) => (row.GetProperty(key)[0].GetInt32(), row.GetProperty(key)[1].GetInt32());

    private static Image Blank(int width, int height) => new(width, height, PixelMode.RGB, new byte[3 * width * height]);
}
