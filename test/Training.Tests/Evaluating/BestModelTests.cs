using Lorikeet.Training.Evaluating;

namespace Lorikeet.Training.Tests.Evaluating;

public sealed class BestModelTests
{
    [Fact]
    public void The_lowest_loss_is_the_best_and_an_equal_one_is_no_better()
    {
        var best = New(new BestModelOptions());
        Assert.Equal([true, false, false, true], Take(best, 2, 3, 2, 1));
        Assert.Equal((1, 4), (best.Metric, best.Step));
        Assert.False(best.IsOver);
    }

    [Fact]
    public void Of_other_figures_the_largest_may_be_the_best()
    {
        var best = New(new BestModelOptions { Metric = "exact_match", GreaterIsBetter = true });
        Assert.Equal([true, false, true], Take(best, 0.2, 0.1, 0.3));
    }

    [Fact]
    public void What_is_no_number_is_never_the_best()
    {
        var best = New(new BestModelOptions { Patience = 2 });
        Assert.Equal([false, true, false, false], Take(best, double.NaN, 1, double.NaN, double.NegativeInfinity));
        Assert.Equal((1, 2), (best.Metric, best.Step));
        Assert.True(best.IsOver);
    }

    [Fact]
    public void Patience_counts_evaluations_in_a_row()
    {
        var best = New(new BestModelOptions { Patience = 2 });
        Take(best, 5, 6, 4, 4);
        Assert.False(best.IsOver);
        Take(best, 4);
        Assert.True(best.IsOver);
    }

    // As transformers' callback: compared with the best value before, which moves on by improvements of any size.
    [Fact]
    public void An_improvement_below_the_threshold_is_the_best_but_costs_patience()
    {
        var best = New(new BestModelOptions { Patience = 3, Threshold = 0.5 });
        Assert.Equal([true, true, true, true], Take(best, 5, 4.6, 4.2, 3.8));
        Assert.Equal(3, best.WithoutImprovement);
        Assert.True(best.IsOver);
    }

    [Fact]
    public void The_count_goes_on_from_a_checkpoint()
    {
        var best = new BestModel(new BestModelOptions { Patience = 3 }, new RunState(4, 10, 0, "", "", 2.0, 1, WithoutImprovement: 2));
        Assert.False(best.IsOver);
        Assert.Equal([false], Take(best, 2));
        Assert.True(best.IsOver);
        Assert.Equal((2.0, 1), (best.Metric, best.Step));
    }

    [Fact]
    public void The_last_losses_are_averaged()
    {
        var losses = new RecentLosses(2);
        Assert.Equal(double.NaN, losses.Mean);
        losses.Add(9);
        Assert.Equal(9, losses.Mean);
        losses.Add(1);
        losses.Add(2);
        Assert.Equal(1.5, losses.Mean);
    }

    private static BestModel New(BestModelOptions options) => new(options, new RunState(0, 10, 0, "", "", null, null));

    private static bool[] Take(BestModel best, params double[] values) => [.. values.Select((value, i) => best.Take(value, i + 1))];
}
