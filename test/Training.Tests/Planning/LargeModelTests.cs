using Lorikeet.Training.Planning;
using Lorikeet.Training.Tests.Runs;

namespace Lorikeet.Training.Tests.Planning;

/// <summary>Models that this machine could not hold are planned with little memory.</summary>
public sealed class LargeModelTests
{
    [Fact]
    public void Ten_billion_parameters_are_planned_without_holding_them()
    {
        string folder = Directory.CreateTempSubdirectory("lorikeet-large-").FullName;
        using var tiny = new TinyRun(OutlineModel.Write(Path.Combine(folder, "model"), hidden: 4096, layers: 32, vocabulary: 128256));
        long before = Environment.WorkingSet;
        using RunPlanner planner = RunPlanner.Open(tiny.Config(), new PlanEnvironment());
        RunPlan plan = planner.Plan(CancellationToken.None);
        Assert.InRange(plan.Training.ModelParameters, 9_000_000_000, 12_000_000_000);

        // bfloat16 where nothing says otherwise.
        Assert.Equal(2 * plan.Training.ModelParameters, plan.Account.MappedWeights);
        Assert.InRange(Environment.WorkingSet - before, long.MinValue, 400L << 20);
        Directory.Delete(folder, recursive: true);
    }
}
