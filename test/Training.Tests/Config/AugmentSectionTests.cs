using Lorikeet.Data.Augment;
using Lorikeet.Imaging;
using Lorikeet.Training.Config;

namespace Lorikeet.Training.Tests.Config;

/// <summary>The image options and the augmentation of a run file.</summary>
public sealed class AugmentSectionTests
{
    [Fact]
    public void Nothing_takes_place_unless_asked_for()
    {
        DataSection data = Data("");
        Assert.True(data.Augment.IsEmpty);
        Assert.Null(data.Reduction);
        Assert.Contains("  augment:\n    random_resized_crop: null\n", RunConfigWriter.Write(RunFile.Config("")), StringComparison.Ordinal);
    }

    [Fact]
    public void An_empty_section_takes_place_with_torchvisions_defaults()
    {
        AugmentOptions options = Data("augment: {randaugment: {}, horizontal_flip: {}, random_resized_crop: {}}").Augment.ToOptions();
        Assert.Equal((2, 9, 31, 1.0, (byte)0), (options.RandAugment!.NumOps, options.RandAugment.Magnitude, options.RandAugment.NumMagnitudeBins, options.RandAugment.Probability, options.RandAugment.Fill));
        Assert.Equal(0.5, options.HorizontalFlip!.Probability);
        Assert.Equal(((0.08, 1.0), (0.75, 4.0 / 3)), (options.RandomResizedCrop!.Scale, options.RandomResizedCrop.Ratio));
        Assert.Null(options.VerticalFlip);
        Assert.Null(options.ColorJitter);
        Assert.Null(options.Synonyms);
    }

    [Fact]
    public void Every_option_arrives_and_survives_the_resolved_copy()
    {
        const string Text = """
            model: {path: m}
            data:
              train: t.jsonl
              scale_factor: 0.5
              thumbnail: 512
              resample: lanczos
              augment:
                randaugment: {num_ops: 3, magnitude: 5, num_magnitude_bins: 11, fill: 128, probability: 0.5, operations: [ShearX, auto_contrast, Invert], skip_when_text_matches: [colour]}
                horizontal_flip: {probability: 0.25, skip_when_text_matches: [text, "reads as"], swap_words: {left: right, 左: 右}}
                random_resized_crop: {scale: [0.5, 0.9], ratio: [1, 1], size: 64}
                color_jitter: {brightness: 0.1, contrast: 0.2, saturation: 0.3, hue: 0.05}
                synonyms: {file: words.txt, probability: 0.3, roles: [user, assistant]}
            """;
        RunConfig config = RunFile.Load(Text).Config;
        AugmentOptions options = config.Data.Augment.ToOptions();

        Assert.Equal([RandAugmentOperation.ShearX, RandAugmentOperation.AutoContrast, RandAugmentOperation.Invert], options.RandAugment!.Operations);
        Assert.Equal((3, 5, 11, (byte)128, 0.5), (options.RandAugment.NumOps, options.RandAugment.Magnitude, options.RandAugment.NumMagnitudeBins, options.RandAugment.Fill, options.RandAugment.Probability));
        Assert.Equal(["colour"], options.RandAugment.SkipWhenTextMatches);
        Assert.Equal("右", options.HorizontalFlip!.SwapWords["左"]);
        Assert.Equal(["text", "reads as"], options.HorizontalFlip.SkipWhenTextMatches);
        Assert.Equal(((0.5, 0.9), (1.0, 1.0), 64), (options.RandomResizedCrop!.Scale, options.RandomResizedCrop.Ratio, options.RandomResizedCrop.Size));
        Assert.Equal((0.1, 0.2, 0.3, 0.05), (options.ColorJitter!.Brightness, options.ColorJitter.Contrast, options.ColorJitter.Saturation, options.ColorJitter.Hue));
        Assert.Equal((0.3, "user assistant"), (options.Synonyms!.Probability, string.Join(' ', options.Synonyms.Roles)));
        Assert.True(Path.IsPathRooted(options.Synonyms.File));
        Assert.Equal(new PictureReduction { ScaleFactor = 0.5, Thumbnail = new PixelSize(512, 512), Resample = ResizeFilter.Lanczos }, config.Data.Reduction);

        string written = RunConfigWriter.Write(config);
        Assert.Equal(written, RunConfigWriter.Write(RunFile.Load(written).Config));
    }

    [Fact]
    public void The_processor_is_told_every_image_option()
    {
        Models.ImageOptions images = DataEncoding.Of(Data("alpha: white\n  exif: apply\n  thumbnail: [640, 480]\n  scale_factor: 0.5\n  longest_edge: 768")).Images;
        Assert.Equal((AlphaHandling.White, true, 768), (images.Alpha, images.ApplyExif, images.LongestEdge));
        Assert.Equal(new PixelSize(640, 427), images.SizeAfter(new PixelSize(3000, 2000)));
        Assert.Equal(new PixelSize(50, 25), images.SizeAfter(new PixelSize(100, 51)));
    }

    [Fact]
    public void The_command_line_reaches_into_a_section_that_the_file_lacks()
    {
        RunConfig config = RunFile.Config("", "--data.augment.randaugment.magnitude", "5", "--data.augment.horizontal_flip", "{probability: 1}", "--data.thumbnail=[640, 480]");
        Assert.Equal(5, config.Data.Augment.RandAugment!.Magnitude);
        Assert.Equal(1, config.Data.Augment.HorizontalFlip!.Probability);
        Assert.Equal(new PixelSize(640, 480), config.Data.Reduction!.Thumbnail);
        Assert.Null(RunFile.Config("", "--data.augment.randaugment", "null").Data.Augment.RandAugment);
    }

    [Theory]
    [InlineData("augment: {flip: 0.5}", "unknown key 'data.augment.flip'")]
    [InlineData("augment: {horizontal_flip: 0.5}", "data.augment.horizontal_flip: expected a section")]
    [InlineData("augment: {randaugment: {magnitude: 31}}", "data.augment.randaugment.magnitude: expected 0 to 30 (num_magnitude_bins is 31), found 31")]
    [InlineData("augment: {randaugment: {operations: [Twist]}}", "expected one of identity, shear_x")]
    [InlineData("augment: {horizontal_flip: {probability: 2}}", "data.augment.horizontal_flip.probability: must be at least 0 and at most 1, found 2")]
    [InlineData("augment: {random_resized_crop: {scale: 0.5}}", "data.augment.random_resized_crop.scale: expected two numbers, found 1")]
    [InlineData("augment: {random_resized_crop: {ratio: [2, 1]}}", "data.augment.random_resized_crop.ratio: expected two numbers above 0, the smaller one first")]
    [InlineData("augment: {synonyms: {probability: 0.5}}", "data.augment.synonyms.file: is required")]
    [InlineData("thumbnail: [1, 2, 3]", "data.thumbnail: expected one or two numbers of pixels")]
    [InlineData("thumbnail: 0", "data.thumbnail: expected one or two numbers of pixels")]
    [InlineData("scale_factor: 1.5", "data.scale_factor: must be greater than 0 and at most 1, found 1.5")]
    [InlineData("resample: box", "data.resample: has no effect without data.scale_factor or data.thumbnail")]
    public void What_cannot_be_drawn_is_refused_with_its_place(string line, string message)
    {
        string error = RunFile.Error($"model: {{path: m}}\ndata:\n  train: t.jsonl\n  {line}\n");
        Assert.Contains("run.yaml:4:", error, StringComparison.Ordinal);
        Assert.Contains(message, error, StringComparison.Ordinal);
    }

    private static DataSection Data(string line) => RunFile.Load($"model: {{path: m}}\ndata:\n  train: t.jsonl\n  {line}\n").Config.Data;
}
