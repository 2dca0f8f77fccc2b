using Lorikeet.Imaging;
using Lorikeet.Models.Families;

namespace Lorikeet.Models.Tests.Families;

/// <summary>Cuts of pictures at the sizes of published checkpoints: tiles of 336 pixels and 24 x 24 patches.</summary>
public sealed class LlavaNextGridTests
{
    private static readonly PixelSize[] Resolutions = [new(672, 336), new(336, 672), new(672, 672), new(336, 1008), new(1008, 336)];

    [Theory]
    [InlineData(672, 672, 2, 2, 2928)] // 576 + 48 rows of 48 and an end: the most that a square takes
    [InlineData(336, 336, 1, 2, 576 + (24 * 25))] // no pixel lost by the small grids either; of those the first
    [InlineData(100, 50, 1, 2, 576 + (24 * 49))]
    [InlineData(1008, 336, 1, 3, 576 + (24 * 73))]
    [InlineData(336, 1008, 3, 1, 576 + (72 * 25))]
    [InlineData(640, 480, 2, 2, 576 + (36 * 49))] // 504 of 672 pixels: six rows of patches off above and below
    [InlineData(480, 640, 2, 2, 576 + (48 * 37))]
    public void Pictures_take_the_best_grid_and_lose_its_padding(int width, int height, int rows, int columns, int tokens)
    {
        LlavaNextGrid grid = LlavaNextGrid.Of(new PixelSize(width, height), Resolutions, 336, 24);
        Assert.Equal((rows, columns, tokens), (grid.TileRows, grid.TileColumns, grid.FeatureRows));
    }

    [Theory]
    [InlineData(1, 1)]
    [InlineData(640, 480)]
    [InlineData(37, 911)]
    [InlineData(5000, 3)]
    public void Every_feature_row_is_an_end_or_another_row_of_a_tile(int width, int height)
    {
        LlavaNextGrid grid = LlavaNextGrid.Of(new PixelSize(width, height), Resolutions, 336, 24);
        int?[] sources = [.. grid.Sources()];
        int[] rows = [.. sources.OfType<int>()];
        Assert.Equal(grid.FeatureRows, sources.Length);
        Assert.Equal(rows.Length, rows.Distinct().Count());
        Assert.All(rows, row => Assert.InRange(row, 0, (grid.Tiles * 576) - 1));
        Assert.Equal(Enumerable.Range(0, 576), rows.Take(576));
    }

    [Fact]
    public void Without_tiles_the_overview_and_one_end_remain()
    {
        LlavaNextGrid grid = LlavaNextGrid.Of(new PixelSize(640, 480), [], 336, 24);
        Assert.Equal((1, 577), (grid.Tiles, grid.FeatureRows));
        Assert.Equal([.. Enumerable.Range(0, 576).Select(i => (int?)i), null], grid.Sources());
    }
}
