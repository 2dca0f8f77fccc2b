using Lorikeet.Data.Sampling;

namespace Lorikeet.Data.Tests.Sampling;

public sealed class MixTests
{
    [Theory]
    [InlineData(StoppingStrategy.AllExhausted, "300,100", "100:3,100:1")]
    [InlineData(StoppingStrategy.FirstExhausted, "100,33", "100:3,100:1")]
    [InlineData(StoppingStrategy.AllExhausted, "900,300", "100:3,300:1")]
    [InlineData(StoppingStrategy.AllExhausted, "100,300", "100:,300:")]
    [InlineData(StoppingStrategy.FirstExhausted, "100,300", "100:,300:")]
    [InlineData(StoppingStrategy.AllExhausted, "100,1000", "100:0.1,50:")]
    [InlineData(StoppingStrategy.FirstExhausted, "10,1", "10:1000,7:1")]
    [InlineData(StoppingStrategy.AllExhausted, "10,20,70", "7:0.1,20:0.2,70:0.7")]
    public void Counts_are_in_the_ratio_of_the_weights(StoppingStrategy strategy, string expected, string parts)
    {
        MixPart[] mix = [.. parts.Split(',').Select(p => p.Split(':')).Select(p => new MixPart(Number(p[0]), p[1].Length == 0 ? null : double.Parse(p[1], System.Globalization.CultureInfo.InvariantCulture)))];
        Assert.Equal(expected.Split(',').Select(Number), MixCounts.PerEpoch(mix, strategy));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void An_epoch_has_exactly_the_counts_and_every_row_comes_equally_often(bool shuffle)
    {
        // Source 0 has rows 0..6 and gives 3 an epoch; source 1 has rows 7..11 and gives 13.
        const int Epochs = 7 * 5;
        int[] seen = new int[12];
        for (int epoch = 0; epoch < Epochs; epoch++)
        {
            EpochOrder order = EpochOrder.Mixed([7, 5], [3, 13], 9, epoch, shuffle);
            long[] rows = [.. Enumerable.Range(0, 16).Select(i => order[i])];
            Assert.Equal(16, order.Count);
            Assert.Equal(3, rows.Count(r => r < 7));
            foreach (long row in rows)
            {
                seen[row]++;
            }

            for (int row = 7; row < 12; row++)
            {
                Assert.InRange(rows.Count(r => r == row), 2, 4);
            }
        }

        Assert.All(seen[..7], count => Assert.Equal(Epochs * 3 / 7, count));
        Assert.All(seen[7..], count => Assert.Equal(Epochs * 13 / 5, count));
    }

    [Fact]
    public void Without_shuffling_the_sources_are_spread_evenly_in_file_order()
    {
        EpochOrder first = EpochOrder.Mixed([3, 2], [6, 2], 1, 0, shuffle: false);
        Assert.Equal([0L, 1, 3, 2, 0, 1, 4, 2], Enumerable.Range(0, 8).Select(i => first[i]));
        EpochOrder partial = EpochOrder.Mixed([3, 2], [2, 2], 1, 1, shuffle: false);
        Assert.Equal([2L, 3, 0, 4], Enumerable.Range(0, 4).Select(i => partial[i]));
    }

    [Fact]
    public void The_order_is_a_function_of_seed_and_epoch_alone()
    {
        static long[] Rows(ulong seed, long epoch) => [.. Enumerable.Range(0, 400).Select(i => EpochOrder.Mixed([300, 100], [100, 300], seed, epoch, true)[i])];
        Assert.Equal(Rows(1, 5), Rows(1, 5));
        Assert.NotEqual(Rows(1, 5), Rows(2, 5));
        Assert.NotEqual(Rows(1, 5), Rows(1, 6));

        var forward = new RowSampler([new MixPart(300, 1), new MixPart(100, 3)], StoppingStrategy.FirstExhausted, 4, true);
        var jumping = new RowSampler([new MixPart(300, 1), new MixPart(100, 3)], StoppingStrategy.FirstExhausted, 4, true);
        long[] all = [.. Enumerable.Range(0, 700).Select(i => forward.RowAt(i))];
        Assert.Equal(133, forward.Count);
        Assert.Equal([33L, 100], forward.Counts);
        Assert.Equal(all[650], jumping.RowAt(650));
        Assert.Equal(all[10], jumping.RowAt(10));
    }

    [Fact]
    public void Several_sources_without_weights_are_shuffled_as_one()
    {
        var mix = new RowSampler([new MixPart(60, null), new MixPart(40, null)], StoppingStrategy.AllExhausted, 7, true);
        var one = new RowSampler(100, 7, true);
        Assert.Equal(Enumerable.Range(0, 250).Select(i => one.RowAt(i)), Enumerable.Range(0, 250).Select(i => mix.RowAt(i)));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(-1)]
    [InlineData(double.NaN)]
    [InlineData(double.PositiveInfinity)]
    public void Weights_that_are_no_shares_are_refused(double weight)
    {
        var error = Assert.Throws<InvalidDataException>(() => new RowSampler([new MixPart(1, weight), new MixPart(1, 1)], StoppingStrategy.AllExhausted, 1, true));
        Assert.EndsWith("expected a number greater than 0.", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Weights_that_make_an_endless_epoch_are_refused()
    {
        var error = Assert.Throws<InvalidDataException>(() => new RowSampler([new MixPart(1000, 1e-9), new MixPart(10, 1)], StoppingStrategy.AllExhausted, 1, true));
        Assert.Equal("the sources' weights ask for 1000000000000 samples per epoch of a source with 10 rows; expected at most 2147483591. Bring the weights nearer to the sources' sizes.", error.Message);
    }

    private static long Number(string text) => long.Parse(text, System.Globalization.CultureInfo.InvariantCulture);
}
