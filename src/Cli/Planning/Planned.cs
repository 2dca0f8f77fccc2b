using Lorikeet.Cli.Devices;
using Lorikeet.Cli.Hub;
using Lorikeet.Training.Config;
using Lorikeet.Training.Planning;

namespace Lorikeet.Cli.Planning;

/// <summary>Plans a run for the device of a session.</summary>
internal static class Planned
{
    /// <summary>Plans a run, and looks for changes that make it smaller where it does not fit.</summary>
    /// <param name="host">Told how far the look at the data has come.</param>
    /// <param name="session">The device; null: a GPU that this machine does not have, whose time nobody can tell.</param>
    /// <param name="config">The run file.</param>
    /// <param name="rows">Rows to look at; null: all.</param>
    /// <param name="budget">What it may take.</param>
    public static PlanResult Make(CliHost host, ComputeSession? session, RunConfig config, long? rows, PlanBudget budget)
    {
        (RunPlan plan, IReadOnlyList<PlannedChange> changes) = Memory(host, session?.PlanEnvironment() ?? ComputeSession.AbsentGpu(), config, rows, budget.Bytes);
        return new PlanResult(config, plan, changes, budget, session is null ? null : TimeEstimate.Of(DevicePeak.Of(session), plan));
    }

    /// <summary>The same without an estimate of time, for which the device would have to compute.</summary>
    public static (RunPlan Plan, IReadOnlyList<PlannedChange> Changes) Memory(CliHost host, PlanEnvironment environment, RunConfig config, long? rows, long budget)
    {
        using var progress = new ScanProgress(host);
        using RunPlanner planner = RunPlanner.Open(config, environment with { MaxRows = rows, Progress = progress.Report, LocateModel = name => HubModels.OfRun(host, name) });
        CancellationToken stop = host.Stop.Token;
        RunPlan plan = planner.Plan(stop);
        IReadOnlyList<PlannedChange> changes = plan.Total <= budget ? [] : new PlanAdvice(planner, config, plan, budget).Changes(stop);
        return (plan, changes);
    }
}
