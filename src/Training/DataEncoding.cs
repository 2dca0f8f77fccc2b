using Lorikeet.Models;
using Lorikeet.Training.Config;

namespace Lorikeet.Training;

/// <summary>How the conversations of a run become tokens.</summary>
public static class DataEncoding
{
    /// <summary>What the section <c>data</c> of a run file says about it.</summary>
    public static EncodeOptions Of(DataSection data)
    {
        ArgumentNullException.ThrowIfNull(data);
        return new EncodeOptions
        {
            Loss = data.Loss switch
            {
                LossTokens.LastTurn => LossOn.LastTurn,
                LossTokens.AllTokens => LossOn.AllTokens,
                LossTokens.Published => LossOn.Published,
                _ => LossOn.AssistantTurns,
            },
            Images = new ImageOptions
            {
                Alpha = data.Alpha == AlphaPolicy.White ? Imaging.AlphaHandling.White : Imaging.AlphaHandling.Reference,
                ApplyExif = data.Exif == ExifPolicy.Apply,
                Reduction = data.Reduction,
                LongestEdge = data.LongestEdge,
                MinPixels = data.MinPixels,
                MaxPixels = data.MaxPixels,
                Video = data.Video,
            },
        };
    }
}
