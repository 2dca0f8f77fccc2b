using Lorikeet.Imaging;
using Lorikeet.Imaging.Video;
using Lorikeet.Text.Chat;

namespace Lorikeet.Models;

/// <summary>What is known of the pictures and videos of a sample before any of them is decoded.</summary>
/// <param name="Images">Sizes of the pictures in pixels (upright where orientation marks are obeyed), in the order of their places.</param>
/// <param name="Videos">The videos, in the order of their places.</param>
public sealed record MediaSizes(IReadOnlyList<PixelSize> Images, IReadOnlyList<VideoInfo> Videos)
{
    /// <summary>Number of pictures and videos.</summary>
    public int Count => Images.Count + Videos.Count;

    /// <summary>Which of all places are videos', in the order of the text; set by <see cref="InOrderOf"/>.</summary>
    public IReadOnlyList<bool> IsVideo { get; private init; } = [];

    /// <summary>The same with every size made smaller as asked for.</summary>
    /// <param name="options">Treatment of pictures.</param>
    public MediaSizes Reduced(ImageOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        return this with
        {
            Images = [.. Images.Select(options.SizeAfter)],
            Videos = [.. Videos.Select(v => v with { Size = options.SizeAfter(v.Size) })],
        };
    }

    /// <summary>Sizes of all pictures and of the frames of all videos, in the order of their places in a conversation.</summary>
    /// <param name="messages">The turns.</param>
    /// <exception cref="InvalidDataException">There are videos, and they or the pictures differ in number from their places.</exception>
    public IReadOnlyList<PixelSize> InTextOrder(IReadOnlyList<ChatMessage> messages)
    {
        int image = 0, video = 0;
        return [.. InOrderOf(messages).IsVideo.Select(isVideo => isVideo ? Videos[video++].Size : Images[image++])];
    }

    /// <summary>The same with the order of places in a conversation.</summary>
    /// <param name="messages">The turns.</param>
    /// <exception cref="InvalidDataException">There are videos, and they or the pictures differ in number from their places.</exception>
    internal MediaSizes InOrderOf(IReadOnlyList<ChatMessage> messages)
    {
        if (Videos.Count == 0)
        {
            return this with { IsVideo = [.. Images.Select(_ => false)] };
        }

        bool[] order = [.. messages.SelectMany(m => m.Parts ?? []).Where(p => p is ImagePart or VideoPart).Select(p => p is VideoPart)];
        int places = order.Count(isVideo => isVideo);
        return places == Videos.Count && order.Length - places == Images.Count
            ? this with { IsVideo = order }
            : throw new InvalidDataException(
                $"the messages have places for {order.Length - places} pictures and {places} videos, but the sample has {Images.Count} pictures and {Videos.Count} videos.");
    }
}

/// <summary>A video whose frames are prepared as pictures are: upright where marks are obeyed, and made smaller.</summary>
internal sealed class PreparedClip(VideoClip clip, ImageOptions options) : VideoClip(clip.Name)
{
    public override IEnumerable<Image> Read(IReadOnlyList<int> indices) => clip.Read(indices).Select(options.Prepare);

    protected override VideoInfo ReadInfo() => clip.Info with { Size = options.SizeAfter(clip.Info.Size) };
}
