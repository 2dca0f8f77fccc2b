namespace Lorikeet.Tensors.Cuda.Tests;

/// <summary>How attention is cut into work.</summary>
public sealed class FlashWorkTests
{
    [Fact]
    public void Tiles_cover_every_row_once_and_the_longest_come_first()
    {
        var segments = new AttentionSegments([new(2, 300, 0, 300), new(310, 40, 300, 500)], true);
        FlashItem[] tiles = FlashWork.QueryTiles(segments, 360, group: 2, rows: 128);
        var rows = new HashSet<(int, int)>();
        foreach (FlashItem tile in tiles)
        {
            for (int row = tile.Row; row < Math.Min(tile.Row + 128, tile.Rows); row++)
            {
                Assert.True(rows.Add((tile.Query + (row / 2), row % 2)));
            }
        }

        Assert.Equal(720, rows.Count);
        int[] lengths = [.. tiles.Select(tile => tile.End - tile.First)];
        Assert.Equal(lengths.OrderDescending(), lengths);
        Assert.Equal([0, 0, 0], lengths[^3..]);
    }

    [Fact]
    public void Tiles_leave_out_what_causality_and_the_window_hide()
    {
        var segments = new AttentionSegments([new(0, 256, 5, 256)], true);
        FlashItem first = Assert.Single(FlashWork.QueryTiles(segments, 256, 1, 128), tile => tile.Row == 0);
        Assert.Equal((0, 128, 0, 1), (first.First, first.End, first.ClearFirst, first.ClearEnd));
        FlashItem last = Assert.Single(FlashWork.QueryTiles(segments.WithWindow(10), 256, 1, 128), tile => tile.Row == 128);
        Assert.Equal((119, 256, 246, 129), (last.First, last.End, last.ClearFirst, last.ClearEnd));
    }

    [Fact]
    public void Tiles_of_keys_are_cut_where_runs_begin_and_end()
    {
        var segments = new AttentionSegments([new(0, 40, 0, 90), new(40, 50, 30, 100), new(90, 0, 130, 7)], false);
        FlashItem[] items = FlashKeyTiles.Of(segments, new FlashWork.Key("keys", 150, 3, 64, 1));
        FlashItem[] tiles = [.. items.Where(item => item.Splits > 0).OrderBy(item => item.Key)], runs = items[tiles.Length..];
        Assert.Equal([(0, 30), (30, 60), (90, 40), (130, 20)], tiles.Select(tile => (tile.Key, tile.Keys)));
        Assert.Equal([[0], [0, 40], [40], []], tiles.Select(tile => runs[tile.First..tile.End].Select(run => run.Query).ToArray()));
        Assert.Equal((120, 50), (runs[0].Rows, runs[0].Offset));
    }

    [Fact]
    public void A_tile_of_keys_holds_at_most_its_number_of_keys()
    {
        FlashItem[] items = FlashKeyTiles.Of(new AttentionSegments([new(0, 9, 0, 150)], true), new FlashWork.Key("keys", 150, 1, 64, 1));
        Assert.Equal([64, 64, 22], items.Where(item => item.Splits > 0).OrderBy(item => item.Key).Select(item => item.Keys));
    }

    [Fact]
    public void Tiles_of_keys_with_many_rows_are_shared_in_equal_parts()
    {
        // Two runs of 3200 rows see the keys, 100 steps each.
        var segments = new AttentionSegments([new(0, 400, 0, 64), new(400, 400, 0, 64)], false);
        FlashItem[] items = FlashKeyTiles.Of(segments, new FlashWork.Key("keys", 64, 8, 64, 3));
        FlashItem[] parts = [.. items.Where(item => item.Splits > 0).OrderBy(item => item.Place)];
        Assert.Equal([(0, 0, 67), (0, 67 * 32, 67), (1, 34 * 32, 66)], parts.Select(part => (part.First, part.Row, part.Rows)));
        Assert.All(parts, part => Assert.Equal((3, 0), (part.Splits, part.Query)));
    }

    [Fact]
    public void Few_rows_are_not_worth_sharing()
    {
        FlashItem[] items = FlashKeyTiles.Of(new AttentionSegments([new(0, 60, 0, 64)], true), new FlashWork.Key("keys", 64, 8, 64, 500));
        Assert.Single(items, item => item.Splits == 1);
    }
}
