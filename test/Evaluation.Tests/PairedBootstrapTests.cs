namespace Lorikeet.Evaluation.Tests;

public sealed class PairedBootstrapTests
{
    private static readonly IMetric Exact = new ExactMatch();

    // 100 rows; A is right on 50, B on the same 50 and 20 more. Every resample has B >= A; the difference's standard error is
    // sqrt(0.2 * 0.8 / 100) = 0.04, so the 95 % interval is about 0.2 +- 0.078.
    [Fact]
    public void A_clear_difference_has_the_interval_of_its_standard_error()
    {
        PairedDifference difference = Compare(i => i < 50, i => i < 70);
        Assert.Equal(0.2, difference.Difference, 12);
        Assert.Equal(0.2 - 0.078, difference.Low, 0.02);
        Assert.Equal(0.2 + 0.078, difference.High, 0.02);
        Assert.True(difference.IsClear);
        Assert.Equal(0, difference.PValue);
        Assert.Equal((20, 0, 80), (difference.Better, difference.Worse, difference.Equal));
        Assert.Equal(2 * Math.Pow(0.5, 20), difference.SignTest, 12);
    }

    [Fact]
    public void Wins_and_losses_that_cancel_are_no_difference()
    {
        PairedDifference difference = Compare(i => i % 2 == 0, i => i % 2 == 1);
        Assert.Equal(0, difference.Difference);
        Assert.Equal(1, difference.PValue);
        Assert.False(difference.IsClear);
        Assert.Equal((50, 50, 0), (difference.Better, difference.Worse, difference.Equal));
        Assert.Equal(1, difference.SignTest);
    }

    [Fact]
    public void Equal_systems_have_an_interval_of_zero()
    {
        PairedDifference difference = Compare(i => i % 3 == 0, i => i % 3 == 0);
        Assert.Equal((0, 0, 0, 1), (difference.Difference, difference.Low, difference.High, difference.PValue));
    }

    [Fact]
    public void The_same_seed_gives_the_same_interval_and_another_seed_a_near_one()
    {
        Measurement a = Rows(i => i % 3 == 0), b = Rows(i => i % 2 == 0);
        var first = PairedBootstrap.Compare(a, b, new BootstrapOptions { Resamples = 2000 });
        Assert.Equal(first, PairedBootstrap.Compare(a, b, new BootstrapOptions { Resamples = 2000 }));
        var other = PairedBootstrap.Compare(a, b, new BootstrapOptions { Resamples = 2000, Seed = 7 });
        Assert.Equal(first.Difference, other.Difference);
        Assert.Equal(first.Low, other.Low, 0.03);
    }

    // On two rows of loss 1/1 token and 9/3 tokens, resamples are {1,1}, {1,2}, {2,2}: means 1, 10/4, 3, not means of means.
    [Fact]
    public void Metrics_of_sums_are_computed_anew_for_each_resample()
    {
        Measurement Loss(double x, double y) => Measurement.Of(new TokenLoss(), [new Prediction("", ["a"]) { LossSum = x, LossTokens = 1 }, new Prediction("", ["b"]) { LossSum = y, LossTokens = 3 }]);
        PairedDifference difference = PairedBootstrap.Compare(Loss(0, 0), Loss(1, 9), new BootstrapOptions { Level = 0.9 });
        Assert.Equal((2.5, 1, 3), (difference.Difference, difference.Low, difference.High));
        Assert.Equal((0, 2), (difference.Better, difference.Worse)); // a larger loss is worse
    }

    // Of 95 % intervals around a true difference of 0, about 95 % hold it.
    [Fact]
    public void Intervals_hold_the_truth_as_often_as_they_say()
    {
        int holding = 0;
        for (int trial = 0; trial < 200; trial++)
        {
            var random = new Random(trial);
            bool[] a = [.. Enumerable.Range(0, 80).Select(_ => random.Next(2) == 0)], b = [.. a.Select(right => random.Next(4) == 0 ? random.Next(2) == 0 : right)];
            PairedDifference difference = PairedBootstrap.Compare(Rows(i => a[i], 80), Rows(i => b[i], 80), new BootstrapOptions { Resamples = 400, Seed = (ulong)trial });
            holding += difference.Low <= 0 && difference.High >= 0 ? 1 : 0;
        }

        Assert.InRange(holding, 180, 200);
    }

    [Fact]
    public void Different_rows_cannot_be_paired() =>
        Assert.Throws<ArgumentException>(() => PairedBootstrap.Compare(Rows(_ => true), Rows(_ => true, 99), new BootstrapOptions()));

    private static PairedDifference Compare(Func<int, bool> a, Func<int, bool> b) => PairedBootstrap.Compare(Rows(a), Rows(b), new BootstrapOptions());

    private static Measurement Rows(Func<int, bool> right, int count = 100) =>
        Measurement.Of(Exact, [.. Enumerable.Range(0, count).Select(i => new Prediction(right(i) ? "yes" : "no", ["yes"]))]);
}
