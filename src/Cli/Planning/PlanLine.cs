using Lorikeet.Cli.Hub;
using Lorikeet.Cli.Terminal;
using Lorikeet.Training;
using Lorikeet.Training.Config;
using Lorikeet.Training.Planning;

namespace Lorikeet.Cli.Planning;

/// <summary>The plan of a run in one line, told before the run starts: the figures of <c>plan</c>.</summary>
internal static class PlanLine
{
    /// <summary>Rows that a plan looks at unless the user says otherwise.</summary>
    public const long DefaultRows = 10_000;

    /// <summary>Plans and tells. A run that cannot be planned is said so, and starts nevertheless.</summary>
    /// <param name="host">The surroundings.</param>
    /// <param name="session">The device.</param>
    /// <param name="file">The run file, and its name for the advice.</param>
    /// <param name="run">The run, built.</param>
    public static void Tell(CliHost host, ComputeSession session, (string Path, RunConfig Config) file, TrainingRun run)
    {
        using var progress = new ScanProgress(host);
        PlanEnvironment environment = session.PlanEnvironment() with
        {
            MaxRows = DefaultRows,
            Progress = progress.Report,
            LocateModel = name => HubModels.OfRun(host, name),
            AlreadyHeld = session.Gpu is null ? run.Trainable.Count * sizeof(float) : 0,
        };
        try
        {
            using RunPlanner planner = RunPlanner.Open(file.Config, environment);
            host.Messages.WriteLine(Of(planner.Plan(host.Stop.Token), PlanBudget.OfRun(session), $"{host.CommandName} plan {Words.ShellWord(file.Path)}"));
        }
        catch (OperationCanceledException)
        {
            host.Messages.WriteLine("memory: not planned, the run was asked to stop");
        }
        catch (InvalidDataException e)
        {
            host.Messages.WriteLine($"memory: not planned: {e.Message}");
        }
    }

    /// <summary>The line.</summary>
    internal static string Of(RunPlan plan, long usable, string command)
    {
        PlannedBytes a = plan.Account;
        string parts = string.Join(", ", new[]
        {
            ("weights", a.Weights), ("gradients", a.Gradients), ("optimizer", a.Optimizer), ("activations", a.Activations), ("workspace", a.Workspace + a.Slack),
            plan.IsApart ? ("scratch of kernels", plan.Process.Kernels) : ("program, data and saving", plan.Process.Total),
        }.Select(part => $"{part.Item1} {Words.Bytes(part.Item2)}"));
        string verdict = plan.Total <= usable ? "" : $"; it does not fit: '{command}' says what makes it smaller";
        return $"memory: {Words.Bytes(plan.Total)} at most of {Words.Bytes(usable)} ({parts}){verdict}";
    }
}
