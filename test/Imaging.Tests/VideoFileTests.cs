using Lorikeet.Imaging.Video;
using Lorikeet.Testing;

namespace Lorikeet.Imaging.Tests;

/// <summary>Video files through ffprobe and ffmpeg.</summary>
public sealed class VideoFileTests : IDisposable
{
    private const int Width = 6, Height = 4;
    private readonly string _folder = Directory.CreateTempSubdirectory("lorikeet-video-").FullName;

    public VideoFileTests() => Assert.SkipUnless(VideoWriter.IsAvailable, VideoWriter.WhySkipped);

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void The_frames_that_are_asked_for_come_out_as_they_went_in()
    {
        string path = At("a clip's file [1] %d.mkv");
        VideoWriter.WriteLossless(path, Width, Height, "30000/1001", Enumerable.Range(0, 40).Select(Pixels));
        VideoFile video = Open(path);
        Assert.Equal((new PixelSize(Width, Height), 40, false), (video.Info.Size, video.Info.Frames, video.Info.IsFrameList));
        Assert.Equal(30000.0 / 1001, video.Info.Fps, 1e-9);
        int[] wanted = [0, 7, 8, 23, 39];
        Assert.Equal(wanted.Select(i => Convert.ToHexString(Pixels(i))), video.Read(wanted).Select(image => Convert.ToHexString(image.Pixels)));
        Assert.Equal(40, video.Read([.. Enumerable.Range(0, 40)]).Count());
        Assert.Empty(video.Read([]));
        Assert.Equal(Convert.ToHexString(Pixels(3)), Convert.ToHexString(video.Read([3, 30]).First().Pixels)); // and no more is read
    }

    [Fact]
    public void Very_many_frames_can_be_asked_for()
    {
        string path = At("long.mkv");
        VideoWriter.WriteLossless(path, Width, Height, "25", Enumerable.Range(0, 1600).Select(Pixels));
        int[] wanted = [.. Enumerable.Range(0, 800).Select(i => 2 * i)];
        Assert.Equal(wanted.Select(i => Convert.ToHexString(Pixels(i))), Open(path).Read(wanted).Select(image => Convert.ToHexString(image.Pixels)));
    }

    [Theory]
    [InlineData("clip.mp4")]
    [InlineData("clip.webm")]
    [InlineData("clip.avi")]
    [InlineData("clip.gif")]
    [InlineData("clip.ts")]
    public void Usual_containers_are_read(string name)
    {
        VideoWriter.Run(["-f", "lavfi", "-i", "testsrc=size=64x48:rate=10", "-t", "2", At(name)]);
        VideoFile video = Open(At(name));
        Assert.Equal((new PixelSize(64, 48), 20), (video.Info.Size, video.Info.Frames));
        Assert.Equal(10, video.Info.Fps, 1e-3);
        Assert.Equal(2, video.Read([0, 19]).Count());
    }

    [Fact]
    public void Rotated_videos_are_upright()
    {
        VideoWriter.Run(["-f", "lavfi", "-i", "testsrc=size=64x48:rate=10", "-t", "1", At("lying.mp4")]);
        VideoWriter.Run(["-i", At("lying.mp4"), "-c", "copy", "-metadata:s:v", "rotate=90", At("upright.mp4")]);
        VideoFile video = Open(At("upright.mp4"));
        Image first = video.Read([0]).Single();
        Assert.Equal(new PixelSize(first.Width, first.Height), video.Info.Size);
        Assert.SkipWhen(video.Info.Size == new PixelSize(64, 48), "this ffmpeg does not write rotation marks");
        Assert.Equal(new PixelSize(48, 64), video.Info.Size);
        Image lying = Open(At("lying.mp4")).Read([0]).Single();
        string corner = Convert.ToHexString(lying.Pixels.AsSpan(0, 3));
        Assert.Contains(corner, new[] { Convert.ToHexString(first.Pixels.AsSpan(3 * 47, 3)), Convert.ToHexString(first.Pixels.AsSpan(3 * 48 * 63, 3)) });
    }

    [Fact]
    public void A_stream_that_changes_its_size_keeps_that_of_its_start()
    {
        foreach ((string name, string size) in new[] { ("a", "64x48"), ("b", "32x32") })
        {
            VideoWriter.Run(["-f", "lavfi", "-i", $"testsrc=size={size}:rate=10", "-t", "1", "-f", "mpegts", At(name + ".ts")]);
        }

        File.WriteAllBytes(At("both.ts"), [.. File.ReadAllBytes(At("a.ts")), .. File.ReadAllBytes(At("b.ts"))]);
        VideoFile video = Open(At("both.ts"));
        Assert.Equal((new PixelSize(64, 48), 20), (video.Info.Size, video.Info.Frames));
        Image[] frames = [.. video.Read([0, 5, 12, 18])];
        Assert.All(frames, frame => Assert.Equal((64, 48), (frame.Width, frame.Height)));
        Image last = frames[3], small = Open(At("b.ts")).Read([9]).Single();
        Assert.True(Math.Abs(last.Pixels.Average(p => p) - small.Pixels.Average(p => p)) < 5);
    }

    [Fact]
    public void Sound_and_covers_are_no_video()
    {
        VideoWriter.Run(["-f", "lavfi", "-i", "sine=duration=1", At("sound.wav")]);
        Assert.StartsWith("row 1: ", Refused(At("sound.wav")), StringComparison.Ordinal);
        VideoWriter.Run(["-f", "lavfi", "-i", "sine=duration=1", At("sound.m4a")]);
        Assert.Contains("has no video", Refused(At("sound.m4a")), StringComparison.Ordinal);
    }

    [Fact]
    public void Files_that_are_no_videos_are_refused_and_playlists_reach_no_other_file()
    {
        VideoWriter.Run(["-f", "lavfi", "-i", "testsrc=size=64x48:rate=10", "-t", "1", At("clip.ts")]);
        File.WriteAllText(At("list.m3u8"), "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nclip.ts\n#EXT-X-ENDLIST\n");
        File.WriteAllText(At("list.ffconcat"), "ffconcat version 1.0\nfile clip.ts\n");
        File.WriteAllText(At("text.mp4"), "no video at all");
        File.WriteAllText(At("empty.mp4"), "");
        Assert.StartsWith($"row 1: the video cannot be read (", Refused(At("list.m3u8")), StringComparison.Ordinal);
        Assert.StartsWith($"row 1: the video cannot be read (", Refused(At("list.ffconcat")), StringComparison.Ordinal);
        Assert.StartsWith($"row 1: the video cannot be read (", Refused(At("text.mp4")), StringComparison.Ordinal);
        Assert.Equal($"row 1: {At("empty.mp4")} has 0 bytes; expected a video of at most {VideoLimits.Default.MaxBytes} bytes.", Refused(At("empty.mp4")));
        Assert.Equal($"row 1: {At("gone.mp4")} does not exist.", Refused(At("gone.mp4")));
    }

    [Fact]
    public void Caps_hold()
    {
        string path = At("clip.mkv");
        VideoWriter.WriteLossless(path, Width, Height, "10", Enumerable.Range(0, 12).Select(Pixels));
        Assert.Contains("has more than 10 frames", Refused(path, new VideoLimits { MaxFrames = 10 }), StringComparison.Ordinal);
        Assert.Contains("expected a video of at most 99 bytes", Refused(path, new VideoLimits { MaxBytes = 99 }), StringComparison.Ordinal);
        Assert.Contains("at most 20 are decoded", Refused(path, new VideoLimits { Frame = new DecodeLimits { MaxPixels = 20 } }), StringComparison.Ordinal);
    }

    [Fact]
    public void A_program_that_takes_too_long_is_ended()
    {
        // A pipe that nobody writes to: opening it would wait for ever.
        using MediaProgram waiting = MediaProgram.Start("ffprobe", ["-v", "error", "-f", "lavfi", "-i", "testsrc", "-show_packets"], "row 1", TimeSpan.FromMilliseconds(300));
        waiting.Output.CopyTo(Stream.Null);
        string message = Assert.Throws<InvalidDataException>(waiting.RequireSuccess).Message;
        Assert.StartsWith("row 1: reading the video took more than ", message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_cut_file_is_named()
    {
        string path = At("cut.mkv");
        VideoWriter.WriteLossless(path, 64, 64, "10", Enumerable.Range(0, 30).Select(i => Noise(64 * 64 * 3, i)));
        byte[] bytes = File.ReadAllBytes(path);
        VideoFile whole = Open(path);
        Assert.Equal(30, whole.Info.Frames);
        File.WriteAllBytes(path, bytes[..(bytes.Length / 2)]);
        Assert.Contains("row 1: ", Assert.Throws<InvalidDataException>(() => whole.Read([29]).Count()).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_missing_program_is_told_with_the_way_to_install_it()
    {
        string message = Assert.Throws<DllNotFoundException>(() => MediaProgram.Start("no-such-ffmpeg", [], "row 1", TimeSpan.FromSeconds(1))).Message;
        Assert.StartsWith("row 1: videos are read by the program no-such-ffmpeg, which cannot be started", message, StringComparison.Ordinal);
        Assert.EndsWith(VideoPrograms.HowToInstall, message, StringComparison.Ordinal);
        Assert.NotNull(VideoPrograms.Find().Version);
    }

    private static byte[] Pixels(int frame) => Noise(3 * Width * Height, frame);

    private static byte[] Noise(int length, int seed) => [.. Enumerable.Range(0, length).Select(i => (byte)(((i + 7) * (seed + 11) * 2654435761L) >> 15))];

    private string At(string name) => Path.Combine(_folder, name);

    private static VideoFile Open(string path, VideoLimits? limits = null) => new(path, "row 1", new VideoSettings(), limits);

    private static string Refused(string path, VideoLimits? limits = null) => Assert.Throws<InvalidDataException>(() => Open(path, limits).Info).Message;
}
