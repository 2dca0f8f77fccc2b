using System.Globalization;
using Lorikeet.Imaging;

namespace Lorikeet.Models;

/// <summary>
/// What becomes of the pictures of one sample, known from their sizes alone: how they are resized and cut, and how many tokens they
/// take. A family derives its own from it. Planning and checking need no more than this; pixels follow where a model runs.
/// </summary>
public abstract record ImageLayout
{
    /// <summary>The pictures as the model will see them, in the order of their places in the text.</summary>
    public abstract IReadOnlyList<PictureShape> Pictures { get; }
}

/// <summary>One picture, or one video, as the model sees it.</summary>
/// <param name="Width">Width in pixels after resizing: the effective resolution.</param>
/// <param name="Height">Height in pixels after resizing.</param>
/// <param name="Tokens">Image tokens: rows of features that the picture becomes in the text.</param>
/// <param name="Patches">Patches that the vision tower computes on, tiles and overviews included.</param>
public readonly record struct PictureShape(int Width, int Height, int Tokens, int Patches)
{
    /// <summary>Size in pixels of the tiles that the picture is cut into; null where it is seen in one piece.</summary>
    public PixelSize? Tile { get; init; }

    /// <summary>Frames of a video that the model sees; 0 for a picture.</summary>
    public int Frames { get; init; }

    /// <inheritdoc/>
    public override string ToString() => string.Create(
        CultureInfo.InvariantCulture, $"{Width}x{Height}, {(Frames > 0 ? $"{Frames} frames, " : "")}{Tokens} {(Frames > 0 ? "video" : "image")} tokens");
}
