using Lorikeet.Imaging;
using Lorikeet.Imaging.Video;
using Lorikeet.Models;
using Lorikeet.Testing;
using Lorikeet.Text.Chat;

namespace Lorikeet.Training.Tests.Families;

/// <summary>Conversations about pictures of the goldens and a small video.</summary>
internal static class SampleMedia
{
    /// <summary>The name of the video: five frames, each another one, three in four seconds.</summary>
    public const string Video = "video";

    /// <summary>A question about pictures and videos, which stand in front of it in their order, and its answer.</summary>
    public static Conversation Conversation(IReadOnlyList<string> names)
    {
        ChatMessage[] messages =
        [
            new("user", [.. names.Select(name => (ContentPart)(name == Video ? new VideoPart() : new ImagePart())), new TextPart($"What are these {names.Count}?")]),
            new("assistant", [new TextPart(names.Count == 0 ? "There is nothing to see." : "A bird on a fence.")]),
        ];
        return new Conversation(messages, [.. names.Where(name => name != Video).Select(name => ImageDecoder.Decode(Golden.Path("cases", "images", name)))])
        {
            Videos = [.. names.Where(name => name == Video).Select(_ => Clip(5, 0.75))],
        };
    }

    /// <summary>A picture that moves to the side, frame by frame.</summary>
    public static FrameClip Clip(int frames, double fps)
    {
        Image picture = ImageDecoder.Decode(Golden.Path("cases", "images", "square.png")).ToRgb(AlphaHandling.Reference);
        Image Moved(int frame)
        {
            byte[] pixels = new byte[picture.Pixels.Length];
            int shift = 3 * 7 * frame;
            picture.Pixels.AsSpan(shift).CopyTo(pixels);
            picture.Pixels.AsSpan(0, shift).CopyTo(pixels.AsSpan(pixels.Length - shift));
            return new Image(picture.Width, picture.Height, PixelMode.RGB, pixels);
        }

        return FrameClip.Of("the clip", [.. Enumerable.Range(0, frames).Select(Moved)], fps);
    }
}
