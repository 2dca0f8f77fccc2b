using Lorikeet.Data.Formats;
using Lorikeet.Imaging;
using Lorikeet.Imaging.Video;
using Lorikeet.Testing;
using Lorikeet.Text.Chat;

namespace Lorikeet.Data.Tests.Formats;

public sealed class VideoRowTests : FormatTestBase
{
    public VideoRowTests()
    {
        Folder.Save("v.mp4", "not opened here");
        Folder.Save("w.webm", "nor this one");
        Folder.Save("frames/f10.png", "x");
        Folder.Save("frames/f9.png", "x");
        Folder.Save("frames/F09.txt", "not a frame");
        Folder.Save("empty/readme.txt", "x");
    }

    [Theory]
    [InlineData("""{"messages":[{"role":"user","content":[{"type":"video","video":"v.mp4"},{"type":"text","text":"q"}]},{"role":"assistant","content":"r"}]}""", "user: {v.mp4}'q' | assistant: r")]
    [InlineData("""{"messages":[{"role":"user","content":[{"type":"video","video":["a.png","b.png"],"sample_fps":1},{"type":"image","image":"c.png"},{"type":"text","text":"q"}]},{"role":"assistant","content":"r"}]}""", "user: {a.png+b.png}[c.png]'q' | assistant: r")]
    [InlineData("""{"messages":[{"role":"user","content":[{"type":"video_url","video_url":{"url":"v.mp4"}}]},{"role":"assistant","content":"r"}]}""", "user: {v.mp4} | assistant: r")]
    [InlineData("""{"messages":[{"role":"user","content":"<video>\n<image>Compare."},{"role":"assistant","content":"r"}],"videos":["v.mp4"],"images":["a.png"]}""", "user: {v.mp4}[a.png]'Compare.' | assistant: r")]
    [InlineData("""{"messages":[{"role":"user","content":[{"type":"video"},{"type":"text","text":"q"}]},{"role":"assistant","content":"r"}],"videos":[["a.png","b.png"]]}""", "user: {a.png+b.png}'q' | assistant: r")]
    [InlineData("""{"conversations":[{"from":"human","value":"<video>\nq <video>"},{"from":"gpt","value":"r"}],"videos":["v.mp4",{"path":"w.webm","fps":4}]}""", "user: {v.mp4}'q '{w.webm} | assistant: r")]
    [InlineData("""{"instruction":"i","input":"","output":"o","videos":["frames"]}""", "user: {frames/f9.png+frames/f10.png}'i' | assistant: o")]
    [InlineData("""{"query":"q","response":"r","videos":"v.mp4"}""", "user: {v.mp4}'q' | assistant: r")]
    [InlineData("""{"video":["a.png","b.png"],"image":"c.png","question":"q","answer":"r"}""", "user: [c.png]{a.png+b.png}'q' | assistant: r")]
    [InlineData("""{"video":"v.mp4","caption":"r"}""", "user: {v.mp4}'What?' | assistant: r")]
    [InlineData("""{"videos":["v.mp4"],"texts":[{"user":"q","assistant":"r"},{"user":"<video> again","assistant":"s"}]}""", "user: q | assistant: r | user: {v.mp4}' again' | assistant: s")]
    public void Videos_stand_where_rows_put_them(string json, string expected) => Assert.Equal(expected, Shown(ReadRow(json)));

    [Fact]
    public void A_cell_of_a_table_may_list_videos()
    {
        string path = Folder.Save("x.csv", "video,question,answer\n\"[\"\"a.png\"\", \"\"b.png\"\"]\",q,r\nv.mp4,q,r\n");
        using Dataset data = Dataset.Open(new DatasetOptions { Path = path });
        Assert.Equal("user: {a.png+b.png}'q' | assistant: r", Shown(data.Read(0)));
        Assert.Equal("user: {v.mp4}'q' | assistant: r", Shown(data.Read(1)));
        Assert.DoesNotContain(data.Notes, note => note.Contains("video", StringComparison.Ordinal));
    }

    [Fact]
    public void Wishes_of_a_part_stay_with_its_video_and_other_fields_go_to_the_template()
    {
        Sample sample = ReadRow("""{"messages":[{"role":"user","content":[{"type":"video","video":"v.mp4","fps":0.5,"min_frames":6,"max_frames":40,"min_pixels":3136,"max_pixels":50176,"total_pixels":9000000000,"video_start":0,"video_end":2.5,"note":"n"},{"type":"text","text":"q"}]},{"role":"assistant","content":"r"}]}""");
        Assert.Equal(
            new VideoSettings { Fps = 0.5, MinFrames = 6, MaxFrames = 40, MinPixels = 3136, MaxPixels = 50176, TotalPixels = 9_000_000_000, Start = 0, End = 2.5 },
            sample.Videos[0].Settings);
        Assert.Equal(["note"], Assert.IsType<VideoPart>(sample.Messages[0].Parts![0]).Extra.Keys);
    }

    [Theory]
    [InlineData("""{"videos":["v.mp4"],"messages":[{"role":"user","content":"q"},{"role":"assistant","content":"r"}]}""", "the text has 0 '<video>' placeholder(s), but keys videos, video list 1 video(s). Every video needs exactly one placeholder.")]
    [InlineData("""{"question":"<video> q","answer":"r"}""", "the text has 1 '<video>' placeholder(s), but keys videos, video list 0 video(s). Every video needs exactly one placeholder.")]
    [InlineData("""{"video":"u.mp4","question":"q","answer":"r"}""", "key 'video' is 'u.mp4', but ROOT/u.mp4 does not exist. Check the path and data.image_root.")]
    [InlineData("""{"video":"../v.mp4","question":"q","answer":"r"}""", "key 'video' is '../v.mp4', which leaves the image root ROOT. Move the video, set data.image_root, or write an absolute path.")]
    [InlineData("""{"video":"https://x/v.mp4","question":"q","answer":"r"}""", "key 'video' is the address https://x/v.mp4; videos are not fetched from the network. Download it and give the path.")]
    [InlineData("""{"video":"data:video/mp4;base64,AAAA","question":"q","answer":"r"}""", "key 'video' holds the video itself; videos are read from files. Write it to a file and give the path, or list its frames as pictures.")]
    [InlineData("""{"video":"empty","question":"q","answer":"r"}""", "key 'video': the folder ROOT/empty holds no pictures; expected the frames of a video (.png, .jpg, ...).")]
    [InlineData("""{"video":[],"question":"q","answer":"r"}""", "key 'video' is a list of 0; expected the path of a video, or a list of pictures that are its frames.")]
    [InlineData("""{"videos":[{"fps":2}],"question":"q","answer":"r"}""", "key 'videos[0]' has none of the keys video, video_url, frames, path, url.")]
    [InlineData("""{"video":{"path":"v.mp4","fps":0},"question":"q","answer":"r"}""", "key 'video.fps' is 0; expected a number above zero.")]
    [InlineData("""{"video":{"path":"v.mp4","nframes":2.5},"question":"q","answer":"r"}""", "key 'video.nframes' is 2.5; expected a whole number.")]
    [InlineData("""{"video":{"path":"v.mp4","nframes":8,"fps":1},"question":"q","answer":"r"}""", "key 'video.fps' stands beside a number of frames; one of them decides how many frames are taken.")]
    [InlineData("""{"video":{"path":"v.mp4","resized_height":56},"question":"q","answer":"r"}""", "key 'video.resized_height' asks for a size in pixels, which is not supported; give max_pixels (and min_pixels) instead.")]
    [InlineData("""{"messages":[{"role":"user","content":"q"},{"role":"assistant","content":[{"type":"video","video":"v.mp4"}]}]}""", "key 'messages[1].content' puts a video into the assistant's message; expected videos in user messages only.")]
    public void Unusable_videos_are_refused(string json, string expected) => Refused(json, expected);

    [Fact]
    public void Every_row_in_the_documentation_has_a_video()
    {
        Folder.Save("clip.mp4", "not opened here");
        string[] section = [.. File.ReadLines(Path.Combine(Golden.Root, "..", "..", "docs", "data.md")).SkipWhile(line => line != "## Videos").Skip(1).TakeWhile(line => !line.StartsWith("## ", StringComparison.Ordinal))];
        string[] rows = [.. section.SkipWhile(line => line != "```json").Skip(1).TakeWhile(line => line != "```")];
        Assert.Equal(5, rows.Length);
        Assert.All(rows, row => Assert.Single(ReadRow(row).Videos));
        foreach (string wish in VideoResolver.Wishes.Except(["num_frames"]))
        {
            Assert.Contains(section, line => line.Contains($"`{wish}`", StringComparison.Ordinal));
        }
    }

    [Fact]
    public void Frames_of_a_list_are_one_clip_whose_rate_the_row_may_tell()
    {
        Folder.Save("p.png", Png(6, 4));
        Folder.Save("q.png", Png(6, 4));
        Folder.Save("r.png", Png(4, 6));
        VideoClip clip = ReadRow("""{"video":{"frames":["p.png","q.png","p.png"],"sample_fps":0.5},"question":"q","answer":"r"}""").Videos[0].Open();
        Assert.Equal((new PixelSize(6, 4), 3, 0.5, true), (clip.Info.Size, clip.Info.Frames, clip.Info.Fps, clip.Info.IsFrameList));
        Assert.Equal(2, clip.Read([0, 2]).Count());
        VideoClip odd = ReadRow("""{"video":["p.png","r.png"],"question":"q","answer":"r"}""").Videos[0].Open();
        Assert.EndsWith("r.png) has 4 x 6 pixels, the first frame 6 x 4: all frames of a video have one size.", Assert.Throws<InvalidDataException>(() => odd.Info).Message, StringComparison.Ordinal);
    }

    private static byte[] Png(int width, int height) => ImageEncoder.EncodePng(new Image(width, height, PixelMode.RGB, new byte[3 * width * height]));

    private string Shown(Sample sample)
    {
        var images = new Queue<ImageSource>(sample.Images);
        var videos = new Queue<VideoSource>(sample.Videos);
        string Name(string? path) => Path.GetRelativePath(Folder.Path, path!);
        string Video(VideoSource video) => video.Frames.Count == 0 ? Name(video.FilePath) : string.Join('+', video.Frames.Select(f => Name(f.FilePath)));
        string text = string.Join(" | ", sample.Messages.Select(m => m.Role + ": " + (m.PlainText ?? string.Concat(m.Parts!.Select(p => p switch
        {
            TextPart t => "'" + t.Text + "'",
            ImagePart => "[" + Name(images.Dequeue().FilePath) + "]",
            _ => "{" + Video(videos.Dequeue()) + "}",
        })))));
        Assert.Empty(images);
        Assert.Empty(videos);
        return text;
    }
}
