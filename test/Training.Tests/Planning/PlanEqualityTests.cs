using Lorikeet.Training.Planning;

namespace Lorikeet.Training.Tests.Planning;

/// <summary>The planned account is the account of the real run, byte for byte, with the weights there and without them.</summary>
public sealed class PlanEqualityTests
{
    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    [InlineData(5)]
    [InlineData(6)]
    [InlineData(7)]
    [InlineData(8)]
    [InlineData(9)]
    public void A_plan_equals_the_run(int seed) => RequireEqual((ulong)seed);

    [Fact]
    [Trait("tier", "slow")]
    public void A_hundred_plans_equal_their_runs()
    {
        for (ulong seed = 100; seed < 200; seed++)
        {
            RequireEqual(seed);
        }
    }

    [Fact]
    public void Long_replies_to_samples_are_planned_where_they_are_the_highest_point()
    {
        using var tiny = new Runs.TinyRun();
        string[] settings = ["--generation.max_new_tokens=1500", "--train.per_device_eval_batch_size=3", "--train.per_device_train_batch_size=1", "--train.max_steps=1", "--train.eval_steps=1"];
        using RunPlanner planner = RunPlanner.Open(tiny.Config(settings), new PlanEnvironment());
        PlannedBytes planned = planner.Plan(CancellationToken.None).Account;
        Assert.Contains("replies", planned.PeakIn, StringComparison.Ordinal);
        Tracking.MemoryUse real = tiny.Train(settings: settings).Events.OfType<Tracking.RunFinished>().Single().PeakMemory;
        Assert.Equal(real.Activations + real.Gradients + real.Optimizer, planned.Activations + planned.Gradients + planned.Optimizer);
    }

    [Theory]
    [MemberData(nameof(Families.FamilyContractTests.Families), MemberType = typeof(Families.FamilyContractTests))]
    public void Every_family_is_planned_exactly(string family)
    {
        using var directory = new Families.FamilyDirectory(family);
        using var tiny = new Runs.TinyRun(directory.Path);
        string[] settings = ["--train.max_steps=3", "--generation.max_new_tokens=8", "--train.gradient_checkpointing=true"];
        using RunPlanner planner = RunPlanner.Open(tiny.Config(settings), new PlanEnvironment());
        PlannedBytes planned = planner.Plan(CancellationToken.None).Account;
        Tracking.MemoryUse real = tiny.Train(settings: settings).Events.OfType<Tracking.RunFinished>().Single().PeakMemory;
        Assert.Equal(
            (real.Weights, real.Gradients, real.Optimizer, real.Activations, real.Workspace),
            (planned.Weights, planned.Gradients, planned.Optimizer, planned.Activations, planned.Workspace));
    }

    private static void RequireEqual(ulong seed)
    {
        using var run = new RandomRun(seed);
        PlannedBytes planned = Plan(run, hasWeights: true), outlined = Plan(run, hasWeights: false);
        Tracking.MemoryUse real = run.Train();
        Assert.True(
            (real.Weights, real.Gradients, real.Optimizer, real.Activations, real.Workspace)
            == (planned.Weights, planned.Gradients, planned.Optimizer, planned.Activations, planned.Workspace),
            FormattableString.Invariant($"seed {seed}\nreal {real}\nplan {planned}\n{run.Settings}"));
        Assert.Equal(planned, outlined);
        Assert.True(planned.Activations > 0 && planned.MappedWeights > 0 && planned.Trained > 0, "the highest point lies in a step");
    }

    private static PlannedBytes Plan(RandomRun run, bool hasWeights)
    {
        using RunPlanner planner = RunPlanner.Open(run.Config(hasWeights), new PlanEnvironment());
        return planner.Plan(CancellationToken.None).Account;
    }
}
