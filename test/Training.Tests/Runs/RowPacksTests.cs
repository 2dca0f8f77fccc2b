using Lorikeet.Tensors;
using Lorikeet.Training.Batching;

namespace Lorikeet.Training.Tests.Runs;

public sealed class RowPacksTests
{
    [Fact]
    public void The_longest_go_first_each_into_the_fullest_pack_that_takes_it()
    {
        RowPacks packs = RowPacks.BestFit([3, 7, 5, 2, 0, 3], capacity: 10);

        // 7 alone, 5 alone, 3 (row 0) to the 7, 3 (row 5) to the 5, 2 to the 5 and 3.
        Assert.Equal([[0, 1], [2, 3, 5]], Enumerable.Range(0, (int)packs.Count).Select(p => packs[p].ToArray()));
        Assert.Equal(1.0, packs.Fill);
        Assert.Equal(5, packs.Rows);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void Every_row_stands_in_one_pack_and_no_pack_overflows(int seed)
    {
        var lengths = new int[997];
        for (int i = 0; i < lengths.Length; i++)
        {
            lengths[i] = (int)(Rng.Key((ulong)seed, (ulong)i) % 300);
        }

        RowPacks packs = RowPacks.BestFit(lengths, 256);
        var seen = new List<long>();
        for (long p = 0; p < packs.Count; p++)
        {
            int tokens = packs[p].Sum(row => lengths[row]);
            Assert.True(tokens <= 256 || packs[p].Count == 1);
            seen.AddRange(packs[p]);
        }

        Assert.Equal(Enumerable.Range(0, lengths.Length).Where(i => lengths[i] > 0).Select(i => (long)i), seen.Order());
        Assert.True(packs.Fill > 0.9, $"only {packs.Fill} full");
    }
}
