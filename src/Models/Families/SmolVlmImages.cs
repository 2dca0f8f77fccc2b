using Lorikeet.Imaging;

namespace Lorikeet.Models.Families;

/// <summary>How one picture was cut. The default value stands for a picture that is one tile.</summary>
/// <param name="Rows">Rows of tiles; 0 if the picture was not cut.</param>
/// <param name="Columns">Columns of tiles; 0 if the picture was not cut.</param>
public readonly record struct TileGrid(int Rows, int Columns)
{
    /// <summary>Tiles of the picture, the whole picture at tile size included.</summary>
    public int TileCount => Rows * Columns + 1;
}

/// <summary>How the pictures of one sample are cut.</summary>
/// <param name="PatchSize">Edge of a patch in pixels.</param>
/// <param name="Settings">Of the processor.</param>
/// <param name="Grids">The grid of each picture.</param>
public sealed record SmolVlmLayout(int PatchSize, SmolVlmProcessorSettings Settings, IReadOnlyList<TileGrid> Grids) : ImageLayout
{
    /// <inheritdoc/>
    public override IReadOnlyList<PictureShape> Pictures => [.. Grids.Select(Shape)];

    private PictureShape Shape(TileGrid grid)
    {
        int tile = Settings.TileSize, side = tile / PatchSize;
        var shape = new PictureShape(
            Math.Max(1, grid.Columns) * tile, Math.Max(1, grid.Rows) * tile, grid.TileCount * Settings.ImageSeqLen, grid.TileCount * side * side);
        return grid.Rows > 0 ? shape with { Tile = new PixelSize(tile, tile) } : shape;
    }
}

/// <summary>The pictures of one sample, ready for the vision tower; only real tiles, in the order of their image tokens.</summary>
/// <param name="TileSize">Height and width of every tile in pixels; every tile is valid all over.</param>
/// <param name="Pixels">(tiles, 3, TileSize, TileSize) normalised; empty for pictures that show nothing.</param>
/// <param name="Grids">How each picture was cut; a picture's tiles stand row by row, the whole picture last.</param>
public sealed record SmolVlmImages(int TileSize, float[] Pixels, IReadOnlyList<TileGrid> Grids)
{
    /// <summary>Number of tiles of all pictures.</summary>
    public int TileCount => Grids.Sum(grid => grid.TileCount);

    /// <summary>The pictures put together from their tiles, with normalisation undone; a picture that was not cut is its one tile.</summary>
    public IReadOnlyList<Image> Visible(Normalizer normalizer)
    {
        ArgumentNullException.ThrowIfNull(normalizer);
        int perTile = 3 * TileSize * TileSize, first = 0;
        var pictures = new List<Image>(Grids.Count);
        foreach (TileGrid grid in Grids)
        {
            int rows = Math.Max(1, grid.Rows), columns = Math.Max(1, grid.Columns), width = columns * TileSize;
            var rgb = new byte[rows * columns * perTile];
            for (int t = 0; t < rows * columns; t++)
            {
                int start = ((t / columns * TileSize * width) + (t % columns * TileSize)) * 3;
                normalizer.Restore(Pixels.AsSpan((first + t) * perTile, perTile), TileSize, TileSize, rgb.AsSpan(start), width);
            }
            pictures.Add(new Image(width, rows * TileSize, PixelMode.RGB, rgb));
            first += grid.TileCount;
        }
        return pictures;
    }

    /// <summary>The pictures of a batch as the model takes them: patches, tile after tile, without padding.</summary>
    /// <param name="samples">The batch, a sample may be without pictures.</param>
    /// <param name="patchSize">Edge of a patch in pixels.</param>
    /// <param name="imageSeqLen">Feature rows per tile.</param>
    /// <param name="keys">Random keys of the patches, or empty.</param>
    /// <returns>The model's input; null if no sample has a picture.</returns>
    public static SmolVlmVision? ToVision(IReadOnlyList<SmolVlmImages> samples, int patchSize, int imageSeqLen, long[] keys)
    {
        ArgumentNullException.ThrowIfNull(samples);
        int tiles = samples.Sum(sample => sample.TileCount);
        if (tiles == 0)
        {
            return null;
        }
        int size = samples[0].TileSize, side = size / patchSize, perTile = 3 * size * size;
        int patchesPerTile = side * side * 3 * patchSize * patchSize;
        var patches = new float[checked(tiles * patchesPerTile)];
        int done = 0;
        foreach (var sample in samples)
        {
            if (sample.Pixels.Length == 0)
            {
                done += sample.TileCount;
                continue;
            }
            for (int t = 0; t < sample.TileCount; t++, done++)
            {
                Patches.Extract(sample.Pixels.AsSpan(t * perTile, perTile), 3, size, size, (patchSize, patchSize),
                    patches.AsSpan(done * patchesPerTile, patchesPerTile));
            }
        }
        var tile = new SmolVlmTile(side, side, side, side);
        return new SmolVlmVision([.. samples.Select(s => s.TileCount * imageSeqLen)], [.. Enumerable.Repeat(tile, tiles)], patches, keys);
    }

    /// <summary>
    /// The tensors that the reference's processor returns for a batch: samples padded to the largest number of tiles with zeros.
    /// </summary>
    /// <param name="samples">The batch.</param>
    /// <exception cref="ArgumentException">No sample has a picture: the reference returns no such tensors then.</exception>
    public static SmolVlmPixelBatch Pad(IReadOnlyList<SmolVlmImages> samples)
    {
        ArgumentNullException.ThrowIfNull(samples);
        int most = samples.Count == 0 ? 0 : samples.Max(sample => sample.TileCount);
        if (most == 0)
        {
            throw new ArgumentException("no sample has a picture.", nameof(samples));
        }
        int size = samples[0].TileSize, plane = size * size;
        var values = new float[checked(samples.Count * most * 3 * plane)];
        var mask = new byte[checked(samples.Count * most * plane)];
        for (int b = 0; b < samples.Count; b++)
        {
            samples[b].Pixels.CopyTo(values, b * most * 3 * plane);
            mask.AsSpan(b * most * plane, samples[b].TileCount * plane).Fill(1);
        }
        return new SmolVlmPixelBatch(samples.Count, most, size, values, mask);
    }
}

/// <summary>A batch of pictures in the reference's padded layout.</summary>
/// <param name="Samples">Samples B.</param>
/// <param name="Tiles">Tiles of the sample that has most.</param>
/// <param name="TileSize">Height and width of a tile in pixels.</param>
/// <param name="PixelValues">(Samples, Tiles, 3, TileSize, TileSize), zero beyond a sample's tiles.</param>
/// <param name="PixelAttentionMask">(Samples, Tiles, TileSize, TileSize), 1 where there is a picture.</param>
public sealed record SmolVlmPixelBatch(int Samples, int Tiles, int TileSize, float[] PixelValues, byte[] PixelAttentionMask);
