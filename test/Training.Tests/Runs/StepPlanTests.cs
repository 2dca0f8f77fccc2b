using Lorikeet.Training.Batching;

namespace Lorikeet.Training.Tests.Runs;

/// <summary>Counting as transformers' Trainer does: updates per epoch = ceil(ceil(rows / batch) / accumulation), steps = ceil(epochs x updates).</summary>
public sealed class StepPlanTests
{
    [Theory]
    [InlineData(7, 2, 2, 2, -1, 2, 4)]
    [InlineData(8, 2, 2, 3, -1, 2, 6)]
    [InlineData(9, 2, 2, 1, -1, 3, 3)]
    [InlineData(1, 8, 16, 3, -1, 1, 3)]
    [InlineData(100, 8, 1, 3, -1, 13, 39)]
    [InlineData(100, 8, 4, 1.5, -1, 4, 6)]
    [InlineData(10, 4, 1, 0.1, -1, 3, 1)]
    [InlineData(10, 4, 1, 0.5, -1, 3, 2)]
    [InlineData(10, 4, 1, 3, 5, 3, 5)]
    public void Steps_are_counted_as_the_Trainer_counts(long rows, int batch, int accumulation, double epochs, int maxSteps, int perEpoch, int total)
    {
        StepPlan plan = Plan(rows, batch, accumulation, epochs, maxSteps);
        Assert.Equal(perEpoch, plan.StepsPerEpoch);
        Assert.Equal(total, plan.TotalSteps);
    }

    [Theory]
    [InlineData(7, 2, 2)]
    [InlineData(9, 2, 2)]
    [InlineData(5, 1, 3)]
    [InlineData(3, 4, 2)]
    public void Every_epoch_consumes_every_row_once_and_the_count_says_how_many(long rows, int batch, int accumulation)
    {
        StepPlan plan = Plan(rows, batch, accumulation, 3, -1);
        long consumed = 0;
        var seen = new List<PlannedRow>();
        for (int step = 0; step < plan.TotalSteps; step++)
        {
            Assert.Equal(consumed, plan.ConsumedAfter(step));
            var batches = plan.Step(step);
            Assert.NotEmpty(batches);
            Assert.All(batches, b => Assert.InRange(b.Count, 1, batch));
            seen.AddRange(batches.SelectMany(b => b));
            consumed += batches.Sum(b => b.Count);
        }

        Assert.Equal(3 * rows, plan.ConsumedAfter(plan.TotalSteps));
        Assert.Equal(3, plan.EpochAfter(plan.TotalSteps));
        Assert.Equal(3 * rows, seen.Distinct().Count());
    }

    private static StepPlan Plan(long rows, int batch, int accumulation, double epochs, int maxSteps) =>
        new(rows, batch, accumulation, new RunLength(epochs, maxSteps), (epoch, position) => (position + epoch) % rows);
}
