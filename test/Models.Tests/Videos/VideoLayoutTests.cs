using System.Text.Json.Nodes;
using Lorikeet.Imaging;
using Lorikeet.Imaging.Video;
using Lorikeet.Models.Backbones;
using Lorikeet.Testing;
using Lorikeet.Text.Chat;

namespace Lorikeet.Models.Tests.Videos;

/// <summary>Which frames are taken, how large they become, and what the text says of them; expectations are worked out by hand.</summary>
public sealed class VideoLayoutTests
{
    // An even number of frames, evenly spread: 2 per second, at least 4 where there are so many.
    [Theory]
    [InlineData(90, 30, null, null, "0 18 36 53 71 89")]
    [InlineData(10, 10, null, null, "0 3 6 9")]
    [InlineData(3, 10, null, null, "0 2")]
    [InlineData(1, 10, null, null, "0")]
    [InlineData(25, 25, 10.0, null, "0 3 5 8 11 13 16 19 21 24")]
    [InlineData(25, 25, null, 5, "0 8 16 24")] // 2.5 pairs round to 2
    [InlineData(25, 25, null, 6, "0 5 10 14 19 24")]
    public void Frames_of_the_first_two_families(int frames, double fps, double? wanted, int? number, string expected)
    {
        foreach (string family in new[] { "qwen2_vl", "qwen2_5_vl" })
        {
            GridPicture video = VideoCase.Layout(VideoCase.Processor(family), Video(frames, fps) with { Settings = new VideoSettings { Fps = wanted, NFrames = number } });
            Assert.Equal(expected, string.Join(' ', video.Frames));
            PatchGrid grid = Assert.Single(video.Grids);
            Assert.Equal((video.Frames.Count + 1) / 2, grid.Frames);
        }
    }

    // Any number of frames; 12.5 rounds to the even 12.
    [Theory]
    [InlineData(90, 30, null, null, "0 18 36 53 71 89")]
    [InlineData(10, 10, null, null, "0 3 6 9")]
    [InlineData(3, 10, null, null, "0 1 2")]
    [InlineData(1, 10, null, null, "0")]
    [InlineData(26, 10, null, null, "0 6 12 19 25")]
    [InlineData(25, 25, null, 5, "0 6 12 18 24")]
    public void Frames_of_the_third_family(int frames, double fps, double? wanted, int? number, string expected)
    {
        GridPicture video = VideoCase.Layout(VideoCase.Processor("qwen3_vl"), Video(frames, fps) with { Settings = new VideoSettings { Fps = wanted, NFrames = number } });
        Assert.Equal(expected, string.Join(' ', video.Frames));
        Assert.Equal((video.Frames.Count + 1) / 2, video.Grids.Count);
        Assert.All(video.Grids, grid => Assert.Equal(1, grid.Frames));
    }

    [Theory]
    [InlineData("qwen2_vl", "11 17 23 28 34 40")]
    [InlineData("qwen3_vl", "11 17 23 28 34 40")]
    public void A_part_may_be_asked_for_by_its_seconds(string family, string expected)
    {
        // At 10 per second: from frame ceil(10.5) to frame floor(40), 30 frames, 3 seconds.
        VideoInfo video = Video(100, 10) with { Settings = new VideoSettings { Start = 1.05, End = 4 } };
        Assert.Equal(expected, string.Join(' ', VideoCase.Layout(VideoCase.Processor(family), video).Frames));
    }

    [Fact]
    public void The_row_goes_before_the_run_and_the_run_before_the_processor()
    {
        Processor processor = VideoCase.Processor("qwen2_vl");
        var run = new ImageOptions { Video = new VideoSettings { Fps = 1, MaxFrames = 9 } };
        int Count(VideoSettings row) => VideoCase.Layout(processor, Video(300, 10) with { Settings = row }, run).Frames.Count;
        Assert.Equal(60, VideoCase.Layout(processor, Video(300, 10)).Frames.Count);
        Assert.Equal(8, Count(new VideoSettings())); // 30 frames, at most 9, in pairs
        Assert.Equal(6, Count(new VideoSettings { Fps = 0.2 }));
        Assert.Equal(30, Count(new VideoSettings { MaxFrames = 100 }));
        Assert.Equal(20, Count(new VideoSettings { NFrames = 20 })); // a number excludes the run's rate
    }

    [Fact]
    public void All_frames_of_a_list_are_taken_and_their_rate_is_the_rows()
    {
        GridPicture video = VideoCase.Layout(VideoCase.Processor("qwen3_vl"), new VideoInfo(new PixelSize(64, 64), 5, 0.5) { IsFrameList = true }, new ImageOptions { Video = new VideoSettings { NFrames = 2 } });
        Assert.Equal([0, 1, 2, 3, 4], video.Frames);
        Assert.Equal([1, 5, 8], video.Times); // frames 0 and 2 s, 4 and 6 s, the last one twice
    }

    // smart_resize with units of 28 pixels and 3136 to 9408 pixels a frame, unless the row asks for others.
    [Theory]
    [InlineData(64, 48, null, null, null, 4, 4)]
    [InlineData(9, 7, null, null, null, 4, 6)]
    [InlineData(280, 140, 15680, null, null, 6, 12)] // shrunk by sqrt(39200 / 15680)
    [InlineData(280, 140, 50000, null, 31360L, 6, 12)] // four frames, two merged: 15680 pixels each
    [InlineData(280, 140, null, null, 1000L, 2, 4)] // never below 1.05 times the least: 3292 pixels, shrunk by sqrt(39200 / 3292) = 3.45 to 81 x 40
    [InlineData(56, 56, 20000, 12544, null, 8, 8)]
    public void Frames_of_the_first_families_have_an_area_in_a_range(int width, int height, int? most, int? least, long? total, int rows, int columns)
    {
        VideoInfo video = Video(4, 2) with { Size = new PixelSize(width, height), Settings = new VideoSettings { MaxPixels = most, MinPixels = least, TotalPixels = total } };
        foreach (string family in new[] { "qwen2_vl", "qwen2_5_vl" })
        {
            Assert.Equal((2, rows, columns), Shape(VideoCase.Layout(VideoCase.Processor(family), video).Grids[0]));
        }
    }

    // Units of 32 pixels, 4096 to 12288 pixels of all frames together.
    [Theory]
    [InlineData(4, 64, 64, null, 2, 2)] // 16384 pixels, shrunk by 1.15 to 55 pixels: one unit
    [InlineData(4, 64, 64, 4096, 4, 4)]
    [InlineData(2, 20, 10, null, 2, 4)] // first to 64 x 32
    [InlineData(3, 64, 64, 4096, 4, 4)] // counted in pairs 16384 of 12288, and shrunk by three frames: sqrt(12288 / 12288)
    [InlineData(3, 64, 64, 3000, 2, 2)] // shrunk by sqrt(12288 / 9000) = 1.17
    [InlineData(1, 64, 64, null, 4, 4)]
    public void Frames_of_the_third_family_have_a_volume_in_a_range(int frames, int width, int height, int? most, int rows, int columns)
    {
        var video = new VideoInfo(new PixelSize(width, height), frames, 2) { IsFrameList = true, Settings = new VideoSettings { MaxPixels = most } };
        GridPicture seen = VideoCase.Layout(VideoCase.Processor("qwen3_vl"), video);
        Assert.All(seen.Grids, grid => Assert.Equal((1, rows, columns), Shape(grid)));
    }

    [Fact]
    public void A_video_processors_own_settings_are_read()
    {
        using var folder = new DirectoryCopy("qwen3_vl");
        var settings = JsonNode.Parse(File.ReadAllText(Path.Combine(folder.Path, "preprocessor_config.json")))!.AsObject();
        settings["size"] = new JsonObject { ["shortest_edge"] = 4096, ["longest_edge"] = 25_165_824 };
        settings["fps"] = 1;
        settings["min_frames"] = 2;
        settings["max_frames"] = 4;
        settings["image_mean"] = new JsonArray(0.0, 0.0, 0.0);
        settings["image_std"] = new JsonArray(1.0, 1.0, 1.0);
        string file = Path.Combine(folder.Path, "video_preprocessor_config.json");
        GridPicture Seen(int frames)
        {
            File.WriteAllText(file, settings.ToJsonString());
            return VideoCase.Layout(ModelCatalog.LoadProcessor(ModelDirectory.Open(folder.Path)), Video(frames, 10) with { Size = new PixelSize(1920, 1080) });
        }

        GridPicture whole = Seen(100);
        Assert.Equal((4, 1, 68, 120), (whole.Frames.Count, whole.Grids[0].Frames, whole.Grids[0].Rows, whole.Grids[0].Columns));
        Assert.Equal(2, Seen(20).Frames.Count);

        // 768 units a frame: shrunk by sqrt(4 * 1080 * 1920 / (4 * 786432)) = 1.624.
        settings["cap_pixels_per_frame"] = true;
        Assert.Equal((1, 40, 72), Shape(Seen(100).Grids[0]));

        // Means and deviations count for frames alone.
        Image white = new(64, 64, PixelMode.RGB, [.. Enumerable.Repeat((byte)255, 3 * 64 * 64)]);
        Processor processor = ModelCatalog.LoadProcessor(ModelDirectory.Open(folder.Path));
        var input = (GridVision)processor.Collate([processor.Encode(VideoCase.Conversation(FrameClip.Of("clip", [white, white])), new EncodeOptions())]).Vision!;
        Assert.All(input.Patches, value => Assert.Equal(1f, value));

        // A written model takes them along.
        using (var cpu = new Tensors.Cpu.CpuDevice())
        using (var arena = new Tensors.Arena(cpu))
        using (LoadedModel loaded = ModelCatalog.Load(ModelDirectory.Open(folder.Path), new Tensors.Parameters(cpu, arena)))
        {
            string copy = Path.Combine(folder.Path, "copy");
            ModelWriter.Write(copy, loaded);
            Assert.Equal(File.ReadAllBytes(file), File.ReadAllBytes(Path.Combine(copy, "video_preprocessor_config.json")));
        }

        settings["patch_size"] = 14;
        Assert.Contains("video_preprocessor_config.json", Assert.Throws<InvalidDataException>(() => Seen(100)).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("qwen2_vl", "<|vision_start|>VVVVVVVVVVVV<|vision_end|>What")]
    [InlineData("qwen2_5_vl", "<|vision_start|>VVVVVVVVVVVV<|vision_end|>What")]
    [InlineData("qwen3_vl", "\n<0.2 seconds><|vision_start|>V<|vision_end|><1.2 seconds><|vision_start|>V<|vision_end|><2.0 seconds><|vision_start|>V<|vision_end|>What")]
    public void The_text_has_a_token_for_every_merged_patch_and_the_third_family_tells_the_time(string family, string expected)
    {
        Processor processor = VideoCase.Processor(family);
        int edge = family == "qwen3_vl" ? 64 : 56;
        EncodedSample sample = VideoCase.Measure(processor, new VideoInfo(new PixelSize(edge, edge), 5, 2) { IsFrameList = true });
        string text = processor.Tokenizer.Decode(sample.Ids, skipSpecialTokens: false).Replace("<|video_pad|>", "V", StringComparison.Ordinal);
        Assert.Contains(expected, text, StringComparison.Ordinal);
        Assert.Equal((5, expected.Count(c => c == 'V')), (sample.Layout!.Pictures[0].Frames, sample.Layout.Pictures[0].Tokens));

        // Labels stand at the answer though the text in front of it grew.
        Assert.Equal("It moves.", processor.Tokenizer.Decode([.. sample.Ids.Where((_, i) => sample.Labels[i] >= 0)], skipSpecialTokens: true).Trim());
    }

    [Theory]
    [InlineData(0.25, "0.2")]
    [InlineData(0.75, "0.8")]
    [InlineData(12.25, "12.2")]
    [InlineData(0.35, "0.3")]
    [InlineData(0.45, "0.5")]
    [InlineData(1.05, "1.1")]
    [InlineData(0.15, "0.1")]
    [InlineData(1.95, "1.9")]
    [InlineData(2, "2.0")]
    [InlineData(1234.5, "1234.5")]
    public void Times_are_printed_as_Python_prints_them(double time, string expected) => Assert.Equal(expected, VideoText.OneDecimal(time));

    [Fact]
    public void What_cannot_be_taken_is_refused_with_the_reason()
    {
        Processor qwen = VideoCase.Processor("qwen2_vl"), llava = VideoCase.Processor("llava");
        string Refused(Action action) => Assert.Throws<InvalidDataException>(action).Message;
        Assert.Equal("26 frames of the video are asked for (nframes, data.video_nframes), but it has 25.", Refused(() => VideoCase.Layout(qwen, Video(25, 25) with { Settings = new VideoSettings { NFrames = 26 } })));
        Assert.StartsWith("video_start 2 and video_end 1 leave no frames: the video is 10 seconds long", Refused(() => VideoCase.Layout(qwen, Video(100, 10) with { Settings = new VideoSettings { Start = 2, End = 1 } })), StringComparison.Ordinal);
        Assert.Contains("are for video files", Refused(() => VideoCase.Layout(qwen, Video(9, 2) with { IsFrameList = true, Settings = new VideoSettings { End = 1 } })), StringComparison.Ordinal);
        Assert.Equal(
            "the sample has 1 video(s), and models of type llava take pictures alone. Use a model that takes videos (docs/models.md), or give chosen frames as pictures.",
            Refused(() => VideoCase.Measure(llava, Video(10, 10))));
        Assert.Contains("places for 0 pictures and 2 videos, but the sample has 0 pictures and 1 videos", Refused(
            () => qwen.Measure(VideoCase.Messages(new VideoPart(), new VideoPart()), new MediaSizes([], [Video(4, 2)]), new EncodeOptions())), StringComparison.Ordinal);
        Assert.Contains("has 1 <|video_pad|> tokens, but the sample has 0 videos", Refused(
            () => qwen.Measure(VideoCase.Messages(new TextPart("<|video_pad|>")), new MediaSizes([], []), new EncodeOptions())), StringComparison.Ordinal);
    }

    private static VideoInfo Video(int frames, double fps) => new(new PixelSize(64, 48), frames, fps);

    private static (int Frames, int Rows, int Columns) Shape(PatchGrid grid) => (grid.Frames, grid.Rows, grid.Columns);

    /// <summary>A tiny model's directory that may be changed.</summary>
    private sealed class DirectoryCopy : IDisposable
    {
        public DirectoryCopy(string family)
        {
            foreach (string file in Directory.EnumerateFiles(Golden.Path("models", family)))
            {
                File.Copy(file, System.IO.Path.Combine(Path, System.IO.Path.GetFileName(file)));
            }
        }

        public string Path { get; } = Directory.CreateTempSubdirectory("lorikeet-video-").FullName;

        public void Dispose() => Directory.Delete(Path, recursive: true);
    }
}
