using System.Text.Json;
using Lorikeet.Imaging;
using Lorikeet.Models;
using Lorikeet.Testing;
using Lorikeet.Training.Batching;
using Lorikeet.Training.Checks;
using Lorikeet.Training.Config;

namespace Lorikeet.Training.Tests.Runs;

/// <summary>Runs, checks and previews of rows with videos.</summary>
public sealed class VideoRunTests : IDisposable
{
    private const int Width = 64, Height = 48;
    private readonly string _folder = Directory.CreateTempSubdirectory("lorikeet-videos-").FullName;

    public VideoRunTests()
    {
        for (int i = 0; i < 12; i++)
        {
            Directory.CreateDirectory(At("frames"));
            File.WriteAllBytes(At($"frames/f{i + 1}.png"), ImageEncoder.EncodePng(new Image(Width, Height, PixelMode.RGB, Pixels(i))));
        }
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData("qwen2_vl", false)]
    [InlineData("qwen2_5_vl", true)]
    [InlineData("qwen3_vl", false)]
    public void Pictures_and_videos_in_one_run_are_learnt(string family, bool packs)
    {
        Write(
            Row(["frames/f1.png"], null, "A picture?"),
            Row(["frames/f2.png"], new[] { "frames/f1.png", "frames/f5.png", "frames/f9.png" }, "Both?"),
            Row([], "frames", "A folder?"),
            Row([], null, "Neither?"));
        (double Loss, long Count)[] whole = Train(family, $"--data.packing={(packs ? "true" : "false")}");
        Assert.True(whole[^1].Loss < whole[0].Loss / 2, $"from {whole[0]} to {whole[^1]}");
        Assert.Equal(whole, Train(family, $"--data.packing={(packs ? "true" : "false")}")); // to the bit
    }

    [Fact]
    public void Packs_with_videos_give_the_losses_of_the_samples_alone()
    {
        Write(Row([], "frames", "One?"), Row(["frames/f2.png"], new[] { "frames/f1.png", "frames/f9.png" }, "Two?"), Row([], null, "Three?"));
        Assert.Equal(
            Train("qwen2_5_vl", "--data.packing=true", "--data.shuffle=false").Select(s => Math.Round(s.Loss, 4)),
            Train("qwen2_5_vl", "--data.packing=false", "--data.shuffle=false").Select(s => Math.Round(s.Loss, 4)));
    }

    [Fact]
    public void A_file_and_its_frames_as_pictures_are_the_same_sample()
    {
        Assert.SkipUnless(VideoWriter.IsAvailable, VideoWriter.WhySkipped);
        WriteVideo("clip.mkv", 12);
        Write(Row([], "clip.mkv", "What?"), Row([], new { path = "frames", sample_fps = 4 }, "What?"));
        RunConfig config = Config("qwen3_vl", "--data.video_nframes=12");
        Processor processor = ModelCatalog.LoadProcessor(ModelDirectory.Open(config.Model.Path!));
        using var data = new RunData(config, processor);
        SampleLoader loader = data.OpenTrainingSamples(CancellationToken.None);
        EncodedSample file = loader.Load(0).Sample!, frames = loader.Load(1).Sample!;
        Assert.Equal(file.Ids, frames.Ids);
        Assert.Equal((float[])file.Pixels!, (float[])frames.Pixels!);
        Assert.Equal(file.Ids, loader.Measure(0).Sample!.Ids);
        Assert.Equal(new PixelSize(Width, Height), Assert.Single(loader.Measure(0).Sizes));
    }

    [Fact]
    public void The_run_files_wishes_count_and_the_rows_go_before_them()
    {
        Assert.SkipUnless(VideoWriter.IsAvailable, VideoWriter.WhySkipped);
        WriteVideo("clip.mkv", 40); // at 4 per second
        Write(Row([], "clip.mkv", "What?"), Row([], new { path = "clip.mkv", fps = 0.5 }, "What?"));
        int[] Frames(params string[] settings) => [.. Views("qwen2_vl", settings).Select(v => v.Pictures[0].Shape.Frames)];
        Assert.Equal([20, 4], Frames());
        Assert.Equal([6, 4], Frames("--data.video_maxlen=6")); // another program's name for it
        SampleView view = Views("qwen2_vl", "--data.video_max_pixels=3135", "--data.video_nframes=4")[0];
        Assert.Equal((56, 28, 2 * 2), (view.Pictures[0].Shape.Width, view.Pictures[0].Shape.Height, view.ImageTokens));
        Assert.Equal((new PixelSize(Width, Height), At("clip.mkv")), (view.Pictures[0].Stored, view.Pictures[0].Name));
        Assert.Equal((112, 56), (view.Pictures[0].Seen.Width, view.Pictures[0].Seen.Height)); // four frames, two by two
        Assert.Equal(4, view.Tokens.Where(t => t.Piece == "<|video_pad|>").Sum(t => t.Count));
    }

    [Fact]
    public void What_is_wrong_with_videos_is_found_row_by_row()
    {
        Assert.SkipUnless(VideoWriter.IsAvailable, VideoWriter.WhySkipped);
        WriteVideo("clip.mkv", 20);
        File.Copy(At("clip.mkv"), At("copy.mkv"));
        File.WriteAllText(At("text.mkv"), "no video");
        File.WriteAllBytes(At("frames/odd.png"), ImageEncoder.EncodePng(new Image(9, 9, PixelMode.RGB, new byte[243])));
        Write(
            Row([], "clip.mkv", "What?"), Row([], "text.mkv", "What?"), Row([], "gone.mkv", "What?"), Row([], "copy.mkv", "What?"),
            Row([], new[] { "frames/f1.png", "frames/odd.png" }, "What?"), Row([], new { path = "clip.mkv", nframes = 30 }, "What?"));
        var found = new List<Finding>();
        RunConfig config = Config("qwen2_vl");
        CheckReport report = new DataCheck(config, ModelCatalog.LoadProcessor(ModelDirectory.Open(config.Model.Path!)), new CheckOptions()).Run(found.Add, null, CancellationToken.None);
        Assert.Equal(["2 BadImage", "3 MissingImage", "4 Duplicate", "5 BadImage", "6 CannotEncode"], found.Select(f => $"{f.Origin[^1]} {f.Kind}"));
        Assert.Contains("30 frames of the video are asked for", found[^1].Message, StringComparison.Ordinal);
        Assert.Equal((2L, 2L), (report.Parts[0].Pictures.Videos, report.Parts[0].Usable));
        Assert.Equal(10, Assert.Single(report.Parts[0].Pictures.Sizes).Frames); // five seconds

        // A family without videos refuses each of them.
        found.Clear();
        config = Config("llava");
        new DataCheck(config, ModelCatalog.LoadProcessor(ModelDirectory.Open(config.Model.Path!)), new CheckOptions()).Run(found.Add, null, CancellationToken.None);
        Assert.Contains("models of type llava take pictures alone", found[0].Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Frames_are_made_smaller_where_a_sample_is_too_long()
    {
        Write(Row([], "frames", "What?"));
        RunConfig config = Config("qwen2_vl", "--data.on_overflow=downscale", "--data.video_min_pixels=784", "--data.max_length=60");
        Processor processor = ModelCatalog.LoadProcessor(ModelDirectory.Open(config.Model.Path!));
        using var data = new RunData(config, processor);
        LoadedSample loaded = data.OpenTrainingSamples(CancellationToken.None).Load(0);
        Assert.InRange(loaded.Sample!.Ids.Length, 30, 60);
        Assert.Contains("12 frames", loaded.Remark!.Reason, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("data.video_nframes", "stands beside data.video_fps", "--data.video_fps=1", "--data.video_nframes=4")]
    [InlineData("data.video_max_frames", "has no effect beside data.video_nframes", "--data.video_max_frames=9", "--data.video_nframes=4")]
    [InlineData("data.video_min_frames", "is 9, above data.video_max_frames 8", "--data.video_max_frames=8", "--data.video_min_frames=9")]
    [InlineData("data.video_min_pixels", "is 900, above data.video_max_pixels 800", "--data.video_max_pixels=800", "--data.video_min_pixels=900")]
    [InlineData("data.video_fps", "greater than 0", "--data.video_fps=0")]
    public void Keys_that_contradict_each_other_are_refused(string key, string expected, params string[] settings)
    {
        Write(Row([], null, "Hello"));
        string message = Assert.ThrowsAny<InvalidDataException>(() => Config("qwen2_vl", settings)).Message;
        Assert.Contains(key, message, StringComparison.Ordinal);
        Assert.Contains(expected, message, StringComparison.Ordinal);
    }

    private static byte[] Pixels(int frame) => [.. Enumerable.Range(0, 3 * Width * Height).Select(i => (byte)((i / 3 % Width * 4) + (frame * 17) + (i % 3 * 50)))];

    private static string Row(string[] images, object? video, string question)
    {
        string marks = string.Concat(Enumerable.Repeat("<image>", images.Length)) + (video is null ? "" : "<video>");
        return JsonSerializer.Serialize(new
        {
            images,
            videos = video is null ? [] : new[] { video },
            messages = new object[] { new { role = "user", content = marks + question }, new { role = "assistant", content = "An answer to " + question } },
        });
    }

    private string At(string name) => Path.Combine(_folder, name);

    private void Write(params string[] rows) => File.WriteAllLines(At("train.jsonl"), rows);

    private void WriteVideo(string name, int frames) => VideoWriter.WriteLossless(At(name), Width, Height, "4", Enumerable.Range(0, frames).Select(Pixels));

    private RunConfig Config(string family, params string[] settings)
    {
        File.WriteAllText(At("run.yaml"), $$"""
            model: { path: '{{Golden.Path("models", family)}}', compute: float32 }
            data: { train: train.jsonl }
            lora: { r: 8, lora_alpha: 32, target_modules: all-linear }
            train: { output_dir: out, num_train_epochs: 12, per_device_train_batch_size: 4, learning_rate: 1.0e-2, save_strategy: "no" }
            """);
        return RunConfigReader.Load(At("run.yaml"), settings).Config;
    }

    private SampleView[] Views(string family, params string[] settings)
    {
        RunConfig config = Config(family, settings);
        using DataPreview preview = DataPreview.Open(config, ModelCatalog.LoadProcessor(ModelDirectory.Open(config.Model.Path!)), evaluation: false);
        return [.. Enumerable.Range(0, (int)preview.Count).Select(i => preview.View(i))];
    }

    private (double Loss, long Count)[] Train(string family, params string[] settings)
    {
        using var tiny = new TinyRun(Golden.Path("models", family));
        string[] all =
        [
            $"--data.train={At("train.jsonl")}", "--data.eval=null", "--train.eval_strategy=no", "--train.save_strategy=no", "--train.num_train_epochs=12", "--lora.lora_dropout=0",
            "--train.per_device_train_batch_size=4", "--train.gradient_accumulation_steps=1", "--train.learning_rate=0.01", "--lora.r=8", $"--data.image_root={_folder}", .. settings,
        ];
        return [.. tiny.Train(settings: all).Steps.Select(s => (s.Loss, s.Images))];
    }
}
