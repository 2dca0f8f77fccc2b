using Lorikeet.Data;
using Lorikeet.Imaging;
using Lorikeet.Imaging.Video;
using Lorikeet.Models;

namespace Lorikeet.Training.Checks;

/// <summary>How far pictures are read.</summary>
public enum PictureReading
{
    /// <summary>Their headers: sizes are known, damage behind the header is not noticed, no pixels.</summary>
    Header,

    /// <summary>All of them, as a check; no pixels are kept.</summary>
    Decode,

    /// <summary>All of them, prepared for the model.</summary>
    Encode,
}

/// <summary>A row as training sees it, with everything that is wrong with it.</summary>
public sealed record SampleVerdict
{
    /// <summary>Where the row stands, <c>file:line</c>.</summary>
    public required string Origin { get; init; }

    /// <summary>The row as a conversation; null where it cannot be read as one.</summary>
    public Sample? Sample { get; init; }

    /// <summary>What was found out about its pictures; empty where one of them cannot be read.</summary>
    public IReadOnlyList<PictureFacts> Pictures { get; init; } = [];

    /// <summary>What was found out about its videos; empty where one of them cannot be read.</summary>
    public IReadOnlyList<VideoFacts> Videos { get; init; } = [];

    /// <summary>What training takes of it, pictures made smaller where that is asked for; with pixels if pictures were read to be encoded. Null if it takes nothing.</summary>
    public EncodedSample? Encoded { get; init; }

    /// <summary>Errors and warnings, in the order of their discovery.</summary>
    public IReadOnlyList<Finding> Findings { get; init; } = [];

    /// <summary>What makes the row unusable; null if nothing does.</summary>
    public Finding? FirstError => Findings.FirstOrDefault(f => f.IsError);
}

/// <summary>What was found out about a video.</summary>
/// <param name="Clip">The video.</param>
/// <param name="Content">Hash of its file's bytes, or of its frames', and of what the row asks of it; zero if it was not asked for.</param>
public sealed record VideoFacts(VideoClip Clip, UInt128 Content);

/// <summary>What was found out about a picture.</summary>
/// <param name="Stored">Its size in the file, in pixels.</param>
/// <param name="Seen">Its size before the model's own processing: upright where orientation marks are obeyed.</param>
/// <param name="Content">Hash of the file's bytes; zero if it was not asked for.</param>
/// <param name="IsBlank">Whether all its pixels have one colour; false where only the header was read.</param>
/// <param name="Decoded">Its pixels, where pictures were read to be encoded.</param>
public sealed record PictureFacts(PixelSize Stored, PixelSize Seen, UInt128 Content, bool IsBlank, Image? Decoded);
