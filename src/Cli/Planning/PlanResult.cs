using Lorikeet.Training.Config;
using Lorikeet.Training.Planning;

namespace Lorikeet.Cli.Planning;

/// <summary>What <c>plan</c> prints.</summary>
/// <param name="Config">The run file.</param>
/// <param name="Plan">The plan.</param>
/// <param name="Changes">Changes that save memory; empty where it fits.</param>
/// <param name="Budget">What the run may take.</param>
/// <param name="Time">How long it takes; null for a device that is not here.</param>
internal sealed record PlanResult(RunConfig Config, RunPlan Plan, IReadOnlyList<PlannedChange> Changes, PlanBudget Budget, TimeEstimate? Time)
{
    /// <summary>Whether the run fits.</summary>
    public bool Fits => Plan.Total <= Budget.Bytes;
}
