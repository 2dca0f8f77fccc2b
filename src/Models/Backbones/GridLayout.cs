namespace Lorikeet.Models.Backbones;

/// <summary>A picture or video as patches.</summary>
/// <param name="Grids">Its grids, one behind the other; one for a picture.</param>
public sealed record GridPicture(IReadOnlyList<PatchGrid> Grids)
{
    /// <summary>Numbers of the frames that are taken of a video; empty for a picture.</summary>
    public IReadOnlyList<int> Frames { get; init; } = [];

    /// <summary>Time of each temporal patch in seconds where the text tells it; otherwise empty.</summary>
    public IReadOnlyList<double> Times { get; init; } = [];

    /// <summary>Whether it is a video.</summary>
    public bool IsVideo => Frames.Count > 0;

    /// <summary>Number of patches.</summary>
    public int Patches => Grids.Sum(g => g.Count);
}

/// <summary>Grids of the pictures and videos of one sample.</summary>
/// <param name="PatchSize">Edge of a patch in pixels.</param>
/// <param name="MergeSize">Edge of a merge block in patches.</param>
/// <param name="Seen">The pictures and videos, in the order of their places in the text.</param>
public sealed record GridLayout(int PatchSize, int MergeSize, IReadOnlyList<GridPicture> Seen) : ImageLayout
{
    /// <summary>All grids, in the order of their tokens.</summary>
    public IReadOnlyList<PatchGrid> Grids { get; } = [.. Seen.SelectMany(picture => picture.Grids)];

    /// <inheritdoc/>
    public override IReadOnlyList<PictureShape> Pictures => [.. Seen.Select(Shape)];

    /// <summary>Tokens of a picture or video.</summary>
    public int Tokens(GridPicture picture)
    {
        ArgumentNullException.ThrowIfNull(picture);
        return picture.Patches / (MergeSize * MergeSize);
    }

    private PictureShape Shape(GridPicture picture) =>
        new(picture.Grids[0].Columns * PatchSize, picture.Grids[0].Rows * PatchSize, Tokens(picture), picture.Patches) { Frames = picture.Frames.Count };
}
