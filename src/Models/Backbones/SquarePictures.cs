using Lorikeet.Imaging;

namespace Lorikeet.Models.Backbones;

/// <summary>The pictures of samples where each becomes one square of the tower's size and nothing else.</summary>
/// <param name="pictures">How a picture becomes values.</param>
/// <param name="edge">Edge in pixels.</param>
internal sealed class SquarePictures(ClipPictures pictures, int edge)
{
    /// <summary>Values of a picture, (3, edge, edge).</summary>
    public int Values => 3 * edge * edge;

    /// <summary>The values of a sample's pictures, one picture behind the other; empty where it has none.</summary>
    public static float[] Of(EncodedSample sample) => (float[]?)sample.Pixels ?? [];

    /// <summary>Pictures as values; <see cref="ImageOptions.LongestEdge"/> makes them smaller first.</summary>
    public float[] Make(IReadOnlyList<Image> images, ImageOptions options)
    {
        float[] pixels = Blank(images.Count);
        for (int i = 0; i < images.Count; i++)
        {
            Image image = options.LongestEdge is { } longest ? Resize.Thumbnail(images[i].ToRgb(options.Alpha), longest, longest) : images[i];
            pictures.Write(image, options.Alpha, pixels.AsSpan(i * Values, Values));
        }

        return pixels;
    }

    /// <summary>Values of pictures that show nothing.</summary>
    public float[] Blank(int count) => new float[checked(count * Values)];

    /// <summary>The pictures of a sample, made visible again.</summary>
    public IReadOnlyList<Image> Visible(EncodedSample sample) => [.. Of(sample).Chunk(Values).Select(pixels => pictures.Visible(pixels, edge))];

    /// <summary>The reference's tensor: all pictures of the samples, in order.</summary>
    public IReadOnlyDictionary<string, (Array Values, long[] Shape)> Reference(IReadOnlyList<EncodedSample> samples)
    {
        float[] pixels = [.. samples.SelectMany(Of)];
        return pixels.Length == 0
            ? new Dictionary<string, (Array, long[])>()
            : new Dictionary<string, (Array, long[])> { ["pixel_values"] = (pixels, [pixels.Length / Values, 3, edge, edge]) };
    }
}
