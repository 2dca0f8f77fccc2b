using Lorikeet.Imaging;
using Lorikeet.Imaging.Video;
using Lorikeet.Tensors;
using Lorikeet.Tensors.Cpu;
using Lorikeet.Testing;

namespace Lorikeet.Models.Tests.Videos;

/// <summary>What the model makes of videos: features, positions, and pictures among them.</summary>
public sealed class VideoModelTests
{
    public static TheoryData<string, int> Families => new() { { "qwen2_vl", 56 }, { "qwen2_5_vl", 56 }, { "qwen3_vl", 64 } };

    [Theory]
    [MemberData(nameof(Families))]
    public void Two_frames_of_one_picture_have_its_features_and_pairs_of_frames_do_not_see_each_other(string family, int edge)
    {
        Image a = VideoCase.Noise(edge, edge, 1), b = VideoCase.Noise(edge, edge, 2);
        using var model = new VideoModel(family);
        float[] still = model.Features(a), other = model.Features(b);
        Assert.Equal(still, model.Features(FrameClip.Of("clip", [a, a])));
        Assert.Equal(still, model.Features(FrameClip.Of("clip", [a]))); // one frame is taken twice

        // A volume of four frames would shrink them: they keep their size where the row allows it.
        FrameClip four = Clip(edge * edge, a, a, b, b), mixed = Clip(edge * edge, a, b, b, a);
        Near([.. still, .. other], model.Features(four));
        float[] pairs = model.Features(mixed);
        Assert.True(pairs.Zip(pairs[still.Length..], (x, y) => Math.Abs(x - y)).Max() > 0.1);
        Near([.. still, .. other, .. other], model.Features(Clip(edge * edge, a, a, b, b, b))); // the last of an odd number fills its pair
        Near([.. still, .. pairs, .. other], model.Features(a, mixed, b)); // in the order of the text
    }

    [Theory]
    [MemberData(nameof(Families))]
    public void A_frozen_tower_gives_the_same_some_frames_at_a_time(string family, int edge)
    {
        using var model = new VideoModel(family);
        object[] media = [VideoCase.Noise(edge, edge, 9), Clip(edge * edge, [.. Enumerable.Range(0, 7).Select(i => VideoCase.Noise(edge, edge, i))])];
        Near(model.Hidden(observed: true, media), model.Hidden(observed: false, media));
    }

    // Four frames at 2 per second of 2 x 2 merged patches each: 1 second a pair, 2 positions a second in the second family.
    [Theory]
    [InlineData("qwen2_vl", "0 0 0 0 1 1 1 1", "0 0 1 1 0 0 1 1", 2)]
    [InlineData("qwen2_5_vl", "0 0 0 0 2 2 2 2", "0 0 1 1 0 0 1 1", 3)]
    public void Tokens_of_a_video_have_the_place_of_their_patches_in_time_and_picture(string family, string times, string rows, int next)
    {
        Processor processor = VideoCase.Processor(family);
        EncodedSample sample = processor.Encode(VideoCase.Conversation(FrameClip.Of("clip", [.. Enumerable.Range(0, 4).Select(i => VideoCase.Noise(56, 56, i))])), new EncodeOptions());
        long[][] axes = Positions(processor, sample);
        int first = Array.IndexOf(sample.Ids, 533), start = first;
        Assert.Equal(start, axes[0][first - 1] + 1);
        Assert.Equal(times, string.Join(' ', axes[0].Skip(first).Take(8).Select(p => p - start)));
        Assert.Equal(rows, string.Join(' ', axes[1].Skip(first).Take(8).Select(p => p - start)));
        Assert.Equal("0 1 0 1 0 1 0 1", string.Join(' ', axes[2].Skip(first).Take(8).Select(p => p - start)));
        Assert.All(axes, axis => Assert.Equal(start + next, axis[first + 8]));
    }

    [Theory]
    [MemberData(nameof(Families))]
    public void Positions_are_those_of_the_published_rule(string family, int edge)
    {
        Processor processor = VideoCase.Processor(family);
        foreach (double fps in new[] { 2, 0.7, 24 })
        {
            Image[] frames = [.. Enumerable.Range(0, 7).Select(i => VideoCase.Noise(edge * 2, edge, i))];
            VideoClip clip = FrameClip.Of("clip", frames, fps);
            EncodedSample sample = processor.Encode(VideoCase.Conversation(VideoCase.Noise(50, 90, 3), clip, VideoCase.Noise(90, 50, 4), clip), new EncodeOptions());
            var values = processor.ReferenceImages([sample]);
            long[] pictures = (long[])values["image_grid_thw"].Values, videos = (long[])values["video_grid_thw"].Values;
            double step = family == "qwen2_5_vl" ? 2 * (2 / fps) : 1; // tokens_per_second 2, two frames a patch
            Assert.Equal([6], [.. values["video_grid_thw"].Shape.Select(s => (int)s).Where(s => s != 3).Select(s => s * 3)]);
            Assert.Equal(PublishedPositions.Of(sample.Ids, pictures, videos, step, family == "qwen3_vl"), Positions(processor, sample));
            Assert.Equal([1, 2], sample.Ids.Select((id, i) => ((long[])values["mm_token_type_ids"].Values)[i]).Where(t => t > 0).Distinct());
        }
    }

    [Fact]
    public void The_reference_layout_of_patches_is_kept()
    {
        // [t, rows / 2, columns / 2, 2, 2, channel, frame, y, x]: each value written out by its place.
        Processor processor = VideoCase.Processor("qwen2_vl");
        Image[] frames = [.. Enumerable.Range(0, 3).Select(i => VideoCase.Noise(84, 56, i))];
        EncodedSample sample = processor.Encode(VideoCase.Conversation(FrameClip.Of("clip", frames)), new EncodeOptions());
        (Array values, long[] shape) = processor.ReferenceImages([sample])["pixel_values_videos"];
        Assert.Equal([2 * 4 * 6, 3 * 2 * 14 * 14], shape);
        double[] mean = [0.48145466, 0.4578275, 0.40821073], deviation = [0.26862954, 0.26130258, 0.27577711];
        int n = 0;
        for (int t = 0; t < 2; t++)
        {
            for (int patch = 0; patch < 24; patch++)
            {
                int block = patch / 4, row = (block / 3 * 2) + (patch % 4 / 2), column = (block % 3 * 2) + (patch % 2);
                for (int inside = 0; inside < 3 * 2 * 14 * 14; inside++, n++)
                {
                    int channel = inside / 392, frame = inside / 196 % 2, y = inside / 14 % 14, x = inside % 14;
                    byte value = frames[Math.Min((2 * t) + frame, 2)].Pixels[3 * ((((row * 14) + y) * 84) + (column * 14) + x) + channel];
                    Assert.Equal(((value / 255.0) - mean[channel]) / deviation[channel], ((float[])values)[n], 1e-5);
                }
            }
        }
    }

    [Theory]
    [MemberData(nameof(Families))]
    public void Frames_can_be_shown_again_side_by_side(string family, int edge)
    {
        Processor processor = VideoCase.Processor(family);
        Image[] frames = [.. Enumerable.Range(0, 3).Select(i => VideoCase.Noise(edge, edge, i))];
        Image sheet = processor.Visible(processor.Encode(VideoCase.Conversation(Clip(edge * edge * 2, frames)), new EncodeOptions()))[0];
        Assert.Equal((2 * edge, 2 * edge), (sheet.Width, sheet.Height));
        for (int i = 0; i < 3; i++)
        {
            for (int y = 0; y < edge; y++)
            {
                int at = 3 * (((((i / 2) * edge) + y) * 2 * edge) + (i % 2 * edge));
                Assert.True(frames[i].Pixels.AsSpan(3 * y * edge, 3 * edge).SequenceEqual(sheet.Pixels.AsSpan(at, 3 * edge)), $"frame {i}, line {y}");
            }
        }
    }

    // Products of more rows may add up in another order.
    private static void Near(float[] expected, float[] found)
    {
        Assert.Equal(expected.Length, found.Length);
        Assert.True(expected.Zip(found, (x, y) => Math.Abs(x - y)).Max() <= 1e-5 * expected.Max(Math.Abs));
    }

    private static FrameClip Clip(int maxPixels, params Image[] frames) => new(
        "clip",
        [.. frames.Select((image, i) => new PictureFrame($"frame {i}", () => new PixelSize(image.Width, image.Height), () => image))],
        new VideoSettings { MaxPixels = maxPixels });

    private static long[][] Positions(Processor processor, EncodedSample sample)
    {
        long[] all = (long[])processor.ReferenceImages([sample])["mrope.position_ids"].Values;
        return [.. all.Chunk(sample.Ids.Length)];
    }

    /// <summary>A tiny model that computes.</summary>
    private sealed class VideoModel : IDisposable
    {
        private readonly CpuDevice _cpu = new();
        private readonly Arena _arena;
        private readonly LoadedModel _loaded;

        public VideoModel(string family)
        {
            _arena = new Arena(_cpu);
            _loaded = ModelCatalog.Load(ModelDirectory.Open(Golden.Path("models", family)), new Parameters(_cpu, _arena));
        }

        public float[] Features(params object[] media)
        {
            float[] features = [];
            _loaded.Model.Observer = (name, value) => features = name == "image_features" ? value.ToHost<float>() : features;
            Run(media);
            return features;
        }

        public float[] Hidden(bool observed, params object[] media)
        {
            _loaded.Model.Observer = observed ? (_, _) => { } : null;
            return Run(media);
        }

        public void Dispose()
        {
            _loaded.Dispose();
            _arena.Dispose();
            _cpu.Dispose();
        }

        private float[] Run(object[] media)
        {
            using var scope = new StepScope(_cpu, _arena, record: false);
            EncodedSample sample = _loaded.Processor.Encode(VideoCase.Conversation(media), new EncodeOptions());
            return _loaded.Model.Hidden(scope, _loaded.Processor.Collate([sample])).ToHost<float>();
        }
    }
}
