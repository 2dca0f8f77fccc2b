using Lorikeet.Imaging;
using Lorikeet.Imaging.Video;
using Lorikeet.Models.Backbones;
using Lorikeet.Testing;
using Lorikeet.Text.Chat;

namespace Lorikeet.Models.Tests.Videos;

/// <summary>Conversations with videos, and what a family makes of them.</summary>
internal static class VideoCase
{
    /// <summary>The processor of a tiny model.</summary>
    public static Processor Processor(string family) => ModelCatalog.LoadProcessor(ModelDirectory.Open(Golden.Path("models", family)));

    /// <summary>What becomes of one video.</summary>
    public static GridPicture Layout(Processor processor, VideoInfo video, ImageOptions? options = null) =>
        ((GridLayout)Measure(processor, video, options).Layout!).Seen[0];

    /// <summary>A question about one video as tokens.</summary>
    public static EncodedSample Measure(Processor processor, VideoInfo video, ImageOptions? options = null) =>
        processor.Measure(Messages(new VideoPart()), new MediaSizes([], [video]), new EncodeOptions { Images = options ?? new ImageOptions() });

    /// <summary>A question behind pictures and videos, with its answer.</summary>
    public static ChatMessage[] Messages(params ContentPart[] media) =>
        [new("user", [.. media, new TextPart("What happens?")]), new("assistant", [new TextPart("It moves.")])];

    /// <summary>A question about pictures and clips in their order.</summary>
    public static Conversation Conversation(params object[] media) => new(
        Messages([.. media.Select(m => (ContentPart)(m is Image ? new ImagePart() : new VideoPart()))]), [.. media.OfType<Image>()])
    {
        Videos = [.. media.OfType<VideoClip>()],
    };

    /// <summary>A picture of noise.</summary>
    public static Image Noise(int width, int height, int seed)
    {
        byte[] pixels = new byte[3 * width * height];
        for (int i = 0; i < pixels.Length; i++)
        {
            pixels[i] = (byte)(((i + 1) * (seed + 3) * 2654435761L) >> 13);
        }

        return new Image(width, height, PixelMode.RGB, pixels);
    }
}
