using System.Text.Json;
using Lorikeet.Imaging;

namespace Lorikeet.Models.Families;

/// <summary>How one picture is cut into an overview and tiles, and which of their features reach the text.</summary>
/// <remarks>
/// Source: transformers 5, <c>select_best_resolution</c>, <c>unpad_image</c> and <c>pack_image_features</c> of LLaVA-NeXT; sizes are
/// rounded as there.
/// </remarks>
public sealed record LlavaNextGrid
{
    private static readonly (int Height, int Width)[] DefaultResolutions = [(336, 672), (672, 336), (672, 672), (1008, 336), (336, 1008)];

    /// <summary>Size of the picture before it is resized.</summary>
    public required PixelSize Source { get; init; }

    /// <summary>Tiles in a column; 0 where there is only the overview.</summary>
    public required int TileRows { get; init; }

    /// <summary>Tiles in a row.</summary>
    public required int TileColumns { get; init; }

    /// <summary>Patches along an edge of a tile.</summary>
    public required int Side { get; init; }

    /// <summary>Tiles with the overview.</summary>
    public int Tiles => 1 + (TileRows * TileColumns);

    /// <summary>Rows of features in the text: the overview's, then those of the tiles that the picture covers with an end after each row.</summary>
    public int FeatureRows
    {
        get
        {
            (_, _, int rows, int columns) = Covered();
            return (Side * Side) + (TileRows == 0 ? 1 : rows * (columns + 1));
        }
    }

    /// <summary>The cut of a picture of a size.</summary>
    /// <param name="size">Size in pixels.</param>
    /// <param name="resolutions">Sizes that tiles may form together; empty for the overview alone.</param>
    /// <param name="edge">Edge of a tile in pixels.</param>
    /// <param name="side">Patches along it.</param>
    public static LlavaNextGrid Of(PixelSize size, IReadOnlyList<PixelSize> resolutions, int edge, int side)
    {
        PixelSize best = resolutions.Count == 0 ? default : Best(size, resolutions);
        return new LlavaNextGrid { Source = size, TileRows = best.Height / edge, TileColumns = best.Width / edge, Side = side };
    }

    /// <summary>The size that the picture has inside its tiles: as large as fits, in its own shape.</summary>
    /// <param name="width">Width of all tiles together in pixels.</param>
    /// <param name="height">Their height.</param>
    public PixelSize Fit(int width, int height)
    {
        double wide = (double)width / Source.Width, high = (double)height / Source.Height;
        return wide < high
            ? new PixelSize(width, Math.Min((int)Math.Ceiling(Source.Height * wide), height))
            : new PixelSize(Math.Min((int)Math.Ceiling(Source.Width * high), width), height);
    }

    /// <summary>For each feature row in the text: the row among those of the picture's tiles, overview first; null for the end of a row.</summary>
    public IEnumerable<int?> Sources()
    {
        int area = Side * Side;
        for (int i = 0; i < area; i++)
        {
            yield return i;
        }

        if (TileRows == 0)
        {
            yield return null;
        }

        (int top, int left, int rows, int columns) = Covered();
        for (int r = top; r < top + rows; r++)
        {
            for (int c = left; c < left + columns; c++)
            {
                int tile = 1 + (r / Side * TileColumns) + (c / Side);
                yield return (tile * area) + (r % Side * Side) + (c % Side);
            }

            yield return null;
        }
    }

    /// <summary>Reads <c>image_grid_pinpoints</c>, pairs of height and width.</summary>
    /// <param name="c">config.json or preprocessor_config.json.</param>
    /// <param name="edge">Edge of a tile in pixels.</param>
    /// <exception cref="InvalidDataException">It is no list of such pairs, or one of them is no whole number of tiles.</exception>
    public static IReadOnlyList<PixelSize> Resolutions(ConfigSection c, int edge)
    {
        const string Key = "image_grid_pinpoints";
        string expected = FormattableString.Invariant($"a list of pairs of height and width, each a multiple of {edge} (image_size of the vision tower)");
        if (c.Find(Key) is not { } value)
        {
            return Checked(DefaultResolutions);
        }

        bool isList = value.ValueKind == JsonValueKind.Array && value.GetArrayLength() > 0
            && value.EnumerateArray().All(p => p.ValueKind == JsonValueKind.Array && p.GetArrayLength() == 2
                && p.EnumerateArray().All(n => n.ValueKind == JsonValueKind.Number && n.TryGetInt32(out _)));
        return isList ? Checked(value.EnumerateArray().Select(p => (p[0].GetInt32(), p[1].GetInt32()))) : throw c.Wrong(Key, expected);

        IReadOnlyList<PixelSize> Checked(IEnumerable<(int Height, int Width)> pairs)
        {
            PixelSize[] sizes = [.. pairs.Select(p => new PixelSize(p.Width, p.Height))];
            return edge > 0 && sizes.All(s => s.Width >= edge && s.Height >= edge && s.Width % edge == 0 && s.Height % edge == 0) ? sizes : throw c.Wrong(Key, expected);
        }
    }

    /// <summary>The one that keeps most of the picture's pixels, then the one that wastes least.</summary>
    private static PixelSize Best(PixelSize size, IReadOnlyList<PixelSize> resolutions)
    {
        PixelSize best = resolutions[0];
        long most = 0, least = long.MaxValue;
        foreach (PixelSize candidate in resolutions)
        {
            double scale = Math.Min((double)candidate.Width / size.Width, (double)candidate.Height / size.Height);
            long kept = Math.Min((long)(size.Width * scale) * (long)(size.Height * scale), (long)size.Width * size.Height);
            long wasted = ((long)candidate.Width * candidate.Height) - kept;
            if (kept > most || (kept == most && wasted < least))
            {
                (best, most, least) = (candidate, kept, wasted);
            }
        }

        return best;
    }

    /// <summary>The patches of all tiles together that the picture covers; the padding around it is as wide on both sides.</summary>
    private (int Top, int Left, int Rows, int Columns) Covered()
    {
        int height = TileRows * Side, width = TileColumns * Side;
        if (TileRows == 0)
        {
            return default;
        }

        double aspect = (double)Source.Width / Source.Height;
        if (aspect > (double)width / height)
        {
            int padding = (height - (int)Math.Round(Source.Height * ((double)width / Source.Width), 7)) / 2;
            return (padding, 0, height - (2 * padding), width);
        }

        int beside = (width - (int)Math.Round(Source.Width * ((double)height / Source.Height), 7)) / 2;
        return (0, beside, height, width - (2 * beside));
    }
}
