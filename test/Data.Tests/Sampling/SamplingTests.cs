using Lorikeet.Data.Sampling;

namespace Lorikeet.Data.Tests.Sampling;

public sealed class SamplingTests
{
    [Theory]
    [InlineData("train", 1000, 0, 1000)]
    [InlineData("train[:6%]", 1000, 0, 60)]
    [InlineData("train[100:200]", 1000, 100, 200)]
    [InlineData("train[-10%:]", 1000, 900, 1000)]
    [InlineData("train[:-5%]", 1000, 0, 950)]
    [InlineData("train[10%:20%]", 999, 100, 200)]
    [InlineData("train[:50%]", 5, 0, 2)]
    [InlineData("train[:50%]", 7, 0, 4)]
    [InlineData("train[1_0:]", 20, 10, 20)]
    [InlineData("test[:]", 20, 0, 20)]
    [InlineData("train[-3:-1]", 20, 17, 19)]
    [InlineData("train[:100%]", 3, 0, 3)]
    public void Slices_are_those_of_datasets(string text, long count, long from, long to) =>
        Assert.Equal([(from, to)], SplitSlice.Parse(text).Resolve(count));

    [Fact]
    public void Slices_can_be_joined() =>
        Assert.Equal([(0L, 2L), (18L, 20L)], SplitSlice.Parse("train[:10%] + train[-10%:]").Resolve(20));

    [Theory]
    [InlineData("train[", "is no slice; expected for example train, train[:6%], train[100:200] or train[-10%:].")]
    [InlineData("train[5]", "is no slice")]
    [InlineData("[:5]", "is no slice")]
    [InlineData("", "is no slice")]
    [InlineData("train[a:b]", "is no slice")]
    [InlineData("train[:5]x", "is no slice")]
    [InlineData("train[:1:2]", "is no slice")]
    [InlineData("train[:101%]", "a percentage must lie between -100 and 100.")]
    [InlineData("train[:200]", "the boundary 200 lies beyond the 10 rows there are.")]
    [InlineData("train[5:5]", "selects none of 10 rows; expected at least one.")]
    [InlineData("train[:1%]", "selects none of 10 rows")]
    public void What_is_no_slice_is_refused(string text, string expected)
    {
        var error = Assert.Throws<InvalidDataException>(() => SplitSlice.Parse(text).Resolve(10));
        Assert.StartsWith($"train_split '{text}'", error.Message, StringComparison.Ordinal);
        Assert.Contains(expected, error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(1000)]
    [InlineData(65_537)]
    public void A_shuffled_epoch_is_a_permutation(long count)
    {
        EpochOrder order = EpochOrder.Shuffled(count, 42, 0);
        Assert.Equal(Sequence(count), Rows(order).Order());
    }

    [Fact]
    public void The_order_depends_on_seed_and_epoch_alone()
    {
        long[] rows = Rows(EpochOrder.Shuffled(500, 42, 3));
        Assert.Equal(rows, Rows(EpochOrder.Shuffled(500, 42, 3)));
        Assert.NotEqual(rows, Rows(EpochOrder.Shuffled(500, 42, 4)));
        Assert.NotEqual(rows, Rows(EpochOrder.Shuffled(500, 43, 3)));
        Assert.NotEqual(Sequence(500), rows);
    }

    [Fact]
    public void The_order_stays_the_same_from_release_to_release() =>
        Assert.Equal(Pinned, Rows(EpochOrder.Shuffled(8, 42, 0)));

    [Fact]
    public void Every_permutation_is_equally_likely()
    {
        var seen = new Dictionary<string, int>();
        for (ulong seed = 0; seed < 24_000; seed++)
        {
            string key = string.Join(",", Rows(EpochOrder.Shuffled(4, seed, 0)));
            seen[key] = seen.GetValueOrDefault(key) + 1;
        }

        Assert.Equal(24, seen.Count);
        double chiSquare = seen.Values.Sum(n => (n - 1000.0) * (n - 1000.0) / 1000.0);
        Assert.InRange(chiSquare, 5, 50);
    }

    [Fact]
    public void The_sampler_runs_through_epochs_from_any_cursor()
    {
        var sampler = new RowSampler(7, 1, shuffle: true);
        long[] all = [.. Enumerable.Range(0, 70).Select(p => sampler.RowAt(p))];
        Assert.Equal(Sequence(7), all[..7].Order());
        Assert.Equal(Sequence(7), all[63..].Order());
        Assert.NotEqual(all[..7], all[7..14]);
        Assert.Equal(all[33..], Enumerable.Range(33, 37).Select(p => new RowSampler(7, 1, shuffle: true).RowAt(p)));
        Assert.Equal(4, sampler.EpochOf(33));
        var sequential = new RowSampler(3, 1, shuffle: false);
        Assert.Equal([0L, 1L, 2L, 0L, 1L], Enumerable.Range(0, 5).Select(p => sequential.RowAt(p)));
    }

    [Fact]
    public void An_empty_data_set_is_refused() =>
        Assert.Equal("the data set has no rows; expected at least one.", Assert.Throws<InvalidDataException>(() => new RowSampler(0, 1, true)).Message);

    private static readonly long[] Pinned = [5, 1, 7, 0, 3, 4, 2, 6];

    private static long[] Rows(EpochOrder order) => [.. Enumerable.Range(0, (int)order.Count).Select(i => order[i])];

    private static IEnumerable<long> Sequence(long count) => Enumerable.Range(0, (int)count).Select(i => (long)i);
}
