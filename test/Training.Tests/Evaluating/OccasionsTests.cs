using Lorikeet.Training.Batching;
using Lorikeet.Training.Config;
using Lorikeet.Training.Evaluating;

namespace Lorikeet.Training.Tests.Evaluating;

public sealed class OccasionsTests
{
    // Five steps an epoch, thirteen in all.
    private static readonly StepPlan Plan = new(5, 1, 1, new RunLength(1, 13), (_, position) => position);

    [Fact]
    public void Every_so_many_steps_and_after_the_last()
    {
        var occasions = new Occasions(new TrainSection { EvalStrategy = Strategy.Steps, EvalSteps = 4, SaveStrategy = SaveStrategy.Steps, SaveSteps = 6 }, Plan);
        Assert.Equal([4, 8, 12, 13], Where(occasions.EvaluateAt));
        Assert.Equal([6, 12, 13], Where(occasions.SaveAt));
    }

    [Fact]
    public void At_the_end_of_each_epoch_and_after_the_last_step()
    {
        var occasions = new Occasions(new TrainSection { EvalStrategy = Strategy.Epoch, SaveStrategy = SaveStrategy.Epoch }, Plan);
        Assert.Equal([5, 10, 13], Where(occasions.EvaluateAt));
        Assert.Equal([5, 10, 13], Where(occasions.SaveAt));
    }

    [Fact]
    public void The_first_evaluations_may_be_left_out()
    {
        Assert.Equal([8, 12, 13], Where(new Occasions(new TrainSection { EvalStrategy = Strategy.Steps, EvalSteps = 4, EvalDelay = 5 }, Plan).EvaluateAt));
        Assert.Equal([10, 13], Where(new Occasions(new TrainSection { EvalStrategy = Strategy.Epoch, EvalDelay = 1.5 }, Plan).EvaluateAt));
    }

    [Fact]
    public void Never_and_only_the_best_have_no_rhythm()
    {
        Assert.Empty(Where(new Occasions(new TrainSection { SaveStrategy = SaveStrategy.No }, Plan).SaveAt));
        Assert.Empty(Where(new Occasions(new TrainSection { SaveStrategy = SaveStrategy.Best }, Plan).SaveAt));
        Assert.Empty(Where(new Occasions(new TrainSection(), Plan).EvaluateAt));
    }

    private static int[] Where(Func<int, bool> isDue) => [.. Enumerable.Range(1, 13).Where(isDue)];
}
