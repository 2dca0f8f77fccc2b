using System.CommandLine;
using Lorikeet.Cli.Devices;
using Lorikeet.Cli.Hub;
using Lorikeet.Cli.Planning;
using Lorikeet.Cli.Terminal;
using Lorikeet.Tensors;
using Lorikeet.Training;
using Lorikeet.Training.Config;
using Lorikeet.Training.Planning;

namespace Lorikeet.Cli.Commands;

/// <summary>train: runs a run file.</summary>
internal static class TrainCommand
{
    /// <summary>The verb.</summary>
    public static Verb Create(CliHost host)
    {
        Argument<string> file = RunFileArgument.Create();
        var resume = new Option<bool>("--resume") { Description = "Go on from the newest good checkpoint in train.output_dir; starts anew where there is none" };
        var overwrite = new Option<bool>("--overwrite") { Description = "Replace the run that train.output_dir holds" };
        Option<string?> device = DeviceOption.Create(otherwise: null);
        var command = new Command("train", "Fine-tune a model as a run file says; Ctrl-C finishes the step and saves a checkpoint") { file, resume, overwrite, device };
        command.SetAction(parsed =>
        {
            if (parsed.GetValue(resume) && parsed.GetValue(overwrite))
            {
                throw new InvalidDataException("--resume and --overwrite exclude each other");
            }

            UsedDirectory used = parsed.GetValue(resume) ? UsedDirectory.Resume : parsed.GetValue(overwrite) ? UsedDirectory.Overwrite : UsedDirectory.Refuse;
            string path = parsed.GetValue(file)!;
            string again = string.Join(' ', new[] { host.CommandName, "train", path }.Concat(host.Settings).Append("--resume").Select(Words.ShellWord));
            RunConfig config = RunFileArgument.Load(host, path);
            if (parsed.GetValue(device) is { } name)
            {
                config = config with { Model = config.Model with { Device = DeviceOption.Parse(name) } };
            }

            return Run(host, (path, config), used, again);
        });
        return new Verb(command, TakesSettings: true);
    }

    private static int Run(CliHost host, (string Path, RunConfig Config) file, UsedDirectory used, string again)
    {
        RunConfig config = file.Config;
        config = HubData.Located(host, config) with { Model = config.Model with { Path = HubModels.Pinned(host, config.Model.Path) } };
        using var session = new ComputeSession(host, config.Model.Device, Compute.F32);
        try
        {
            return Run(host, session, (file.Path, config), used, again);
        }
        catch (InsufficientMemoryException e)
        {
            throw new InsufficientMemoryException($"{e.Message}\n{WhatItNeeds(host, session, config)}", e);
        }
    }

    /// <summary>What the plan says of a run for which memory did not suffice.</summary>
    private static string WhatItNeeds(CliHost host, ComputeSession session, RunConfig config)
    {
        const long Rows = 1000;
        long budget = PlanBudget.OfRun(session);
        (RunPlan plan, IReadOnlyList<PlannedChange> changes) = Planned.Memory(host, session.PlanEnvironment(), config, Rows, budget);
        return $"planned: the run needs {Words.Bytes(plan.Total)} at its highest point ({plan.Account.PeakIn}); {Words.Bytes(budget)} can be had"
            + string.Concat(changes.Take(3).Select(change => $"\n  {change.Setting}: {Words.Bytes(change.Total)}; {change.Effect}"))
            + $"\nall of it: {host.CommandName} plan, with the same arguments";
    }

    private static int Run(CliHost host, ComputeSession session, (string Path, RunConfig Config) file, UsedDirectory used, string again)
    {
        RunConfig config = file.Config;
        RunEnvironment environment = session.Environment(new ConsoleProgress(host), host) with { LocateModel = name => HubModels.OfRun(host, name) };
        using TrainingRun run = TrainingRun.Build(config, environment, used);
        foreach (string note in run.Notes)
        {
            host.Messages.WriteLine($"note: {note}");
        }

        if (run.Trainable.Adapter is { } adapter)
        {
            host.Messages.WriteLine($"adapters on {adapter.Adapters.Count} layers: {ModuleSummary.Of(adapter.Adapters.Select(a => a.Layer.Path))}");
        }

        PlanLine.Tell(host, session, file, run);
        TrainResult result = run.Execute(host.Stop.Token, CancellationToken.None);
        if (result.Interrupted)
        {
            host.Messages.WriteLine($"interrupted after step {result.Steps}; go on with: {again}");
            return ExitCodes.Interrupted;
        }

        if (run.Trainable.Adapter is not null)
        {
            host.Result.WriteLine($"chat with it: {host.CommandName} chat {Words.ShellWord(run.Loaded.Directory.Origin?.ToString() ?? run.Loaded.Directory.Path)} --adapter {Words.ShellWord(config.Train.OutputDir!)}");
        }

        return ExitCodes.Done;
    }
}
