using System.Globalization;
using System.Text;

namespace Lorikeet.Models.Backbones;

/// <summary>What the text says of a video in place of its token.</summary>
/// <remarks>Source: transformers' <c>Qwen2VLProcessor</c> and <c>Qwen3VLProcessor</c>.</remarks>
internal static class VideoText
{
    private const string Start = "<|vision_start|>", End = "<|vision_end|>";

    /// <summary>What is replaced: the token, with the marks around it where every temporal patch gets marks of its own.</summary>
    /// <param name="token">The token that stands for a merged patch.</param>
    /// <param name="tellsTimes">Whether the times of temporal patches are told.</param>
    public static string Place(string token, bool tellsTimes) => tellsTimes ? Start + token + End : token;

    /// <summary>The tokens of a video, with the times of its temporal patches where they are told.</summary>
    /// <param name="video">The video.</param>
    /// <param name="token">The token that stands for a merged patch.</param>
    /// <param name="count">Tokens of the whole video.</param>
    public static string Of(GridPicture video, string token, int count)
    {
        if (video.Times.Count == 0)
        {
            return ExpandedText.Repeat(token, count);
        }

        var text = new StringBuilder();
        string tokens = ExpandedText.Repeat(token, count / video.Times.Count);
        foreach (double time in video.Times)
        {
            text.Append('<').Append(OneDecimal(time)).Append(" seconds>").Append(Start).Append(tokens).Append(End);
        }

        return text.ToString();
    }

    /// <summary>A number with one decimal as Python prints it: ties go to the even digit, and only odd quarters are ties in binary.</summary>
    internal static string OneDecimal(double value)
    {
        bool isTie = value * 4 % 2 == 1;
        return (isTie ? (double)Math.Round((decimal)value, 1, MidpointRounding.ToEven) : value).ToString("F1", CultureInfo.InvariantCulture);
    }
}
