namespace Lorikeet.Imaging.Tests;

public sealed class NormalizerTests
{
    [Fact]
    public void Bytes_become_planes_in_the_references_precision()
    {
        var settings = new NormalizationSettings { Mean = [0.48145466, 0.4578275, 0.40821073], Std = [0.26862954, 0.26130258, 0.27577711] };
        var image = new Image(3, 2, PixelMode.RGB, [.. Enumerable.Range(0, 18).Select(i => (byte)(i * 14))]);
        float[] planes = new Normalizer(settings).Apply(image);
        for (int i = 0; i < 18; i++)
        {
            int channel = i % 3, pixel = i / 3;
            float rescaled = (float)(i * 14 * (1.0 / 255.0));
            Assert.Equal((rescaled - (float)settings.Mean[channel]) / (float)settings.Std[channel], planes[channel * 6 + pixel]);
        }
    }

    [Fact]
    public void A_rectangle_is_cut_out()
    {
        var image = new Image(4, 3, PixelMode.RGB, [.. Enumerable.Range(0, 36).Select(i => (byte)i)]);
        var planes = new float[3 * 2 * 2];
        new Normalizer(new NormalizationSettings { DoRescale = false, DoNormalize = false }).Apply(image, 1, 1, 2, 2, planes);
        Assert.Equal([15, 18, 27, 30, 16, 19, 28, 31, 17, 20, 29, 32], planes);
    }

    [Fact]
    public void Rectangles_and_spans_are_checked()
    {
        var normalizer = new Normalizer(new NormalizationSettings());
        var image = new Image(4, 3, PixelMode.RGB, new byte[36]);
        Assert.Throws<ArgumentException>(() => normalizer.Apply(image, 3, 0, 2, 1, new float[6]));
        Assert.Throws<ArgumentException>(() => normalizer.Apply(image, 0, 0, 2, 1, new float[5]));
        Assert.Throws<ArgumentException>(() => normalizer.Apply(new Image(1, 1, PixelMode.L, new byte[1])));
        Assert.Throws<InvalidDataException>(() => new Normalizer(new NormalizationSettings { Mean = [1, 2] }));
        Assert.Throws<InvalidDataException>(() => new Normalizer(new NormalizationSettings { Std = [1, 0, 1] }));
    }

    [Fact]
    public void Patches_are_channel_major_and_leave_the_remainder_out()
    {
        float[] planes = [.. Enumerable.Range(0, 2 * 5 * 4).Select(i => (float)i)];
        float[] rows = Patches.Extract(planes, 2, 5, 4, 2, 2);
        Assert.Equal(4 * 8, rows.Length);
        Assert.Equal([0, 1, 4, 5, 20, 21, 24, 25], rows[..8]);
        Assert.Equal([10, 11, 14, 15, 30, 31, 34, 35], rows[^8..]);
        Assert.Throws<ArgumentException>(() => Patches.Extract(planes, 2, 5, 4, (6, 2), []));
    }
}
