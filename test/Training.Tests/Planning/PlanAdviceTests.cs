using Lorikeet.Training.Config;
using Lorikeet.Training.Planning;
using Lorikeet.Training.Tests.Runs;

namespace Lorikeet.Training.Tests.Planning;

/// <summary>Changes that are named were planned, and would do what is said of them. The model has 200 million parameters, none of them here.</summary>
public sealed class PlanAdviceTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("lorikeet-advice-").FullName;
    private readonly string _model;

    public PlanAdviceTests()
    {
        _model = OutlineModel.Write(Path.Combine(_folder, "model"), hidden: 1024, layers: 10, vocabulary: 32000);
    }

    [Fact]
    public void Every_change_is_planned_like_the_run_it_leads_to()
    {
        using var tiny = new TinyRun(_model);
        string[] settings = ["--train.per_device_train_batch_size=4", "--train.gradient_accumulation_steps=1"];
        RunConfig config = tiny.Config(settings);
        using RunPlanner planner = RunPlanner.Open(config, new PlanEnvironment());
        RunPlan plan = planner.Plan(CancellationToken.None);

        // Below everything: all changes are looked at, none is enough.
        IReadOnlyList<PlannedChange> changes = new PlanAdvice(planner, config, plan, budget: 1).Changes(CancellationToken.None);
        Assert.Contains(changes, c => c.Setting == "--train.gradient_checkpointing true");
        Assert.Contains(changes, c => c.Setting == "--train.per_device_train_batch_size 1 --train.gradient_accumulation_steps 4");
        Assert.Contains(changes, c => c.Setting.StartsWith("--data.longest_edge ", StringComparison.Ordinal));
        Assert.Contains(" --train.per_device_train_batch_size", changes[^1].Setting, StringComparison.Ordinal);
        Assert.All(changes, c => Assert.False(c.Fits));
        foreach (PlannedChange change in changes)
        {
            string[] words = change.Setting.Split(' ');
            string[] changed = [.. words.Where((_, i) => i % 2 == 0).Zip(words.Where((_, i) => i % 2 == 1), (key, value) => $"{key}={value}")];
            using RunPlanner again = RunPlanner.Open(tiny.Config([.. settings, .. changed]), new PlanEnvironment());
            RunPlan result = again.Plan(CancellationToken.None);

            // The rest of the total is what the process happens to hold.
            Assert.Equal(change.Total - plan.Process.Program, result.Total - result.Process.Program);
            Assert.True(change.Total < plan.Total);
        }
    }

    [Fact]
    public void A_change_that_fits_is_called_so()
    {
        using var tiny = new TinyRun(_model);
        RunConfig config = tiny.Config("--train.per_device_train_batch_size=7", "--train.gradient_accumulation_steps=1");
        using RunPlanner planner = RunPlanner.Open(config, new PlanEnvironment());
        RunPlan plan = planner.Plan(CancellationToken.None);
        IReadOnlyList<PlannedChange> changes = new PlanAdvice(planner, config, plan, plan.Total - 1).Changes(CancellationToken.None);
        Assert.Contains(changes, c => c.Fits);
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);
}
