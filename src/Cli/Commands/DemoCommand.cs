using System.CommandLine;
using Lorikeet.Cli.Demo;
using Lorikeet.Cli.Terminal;
using Lorikeet.Tensors;

namespace Lorikeet.Cli.Commands;

/// <summary>demo: teaches a small model a new task, from pictures to an adapter, in about a minute and without a network.</summary>
internal static class DemoCommand
{
    /// <summary>The verb.</summary>
    public static Verb Create(CliHost host)
    {
        var seed = new Option<long>("--seed") { Description = "Reshuffles task, pictures, wording and training", DefaultValueFactory = _ => 0 };
        var rate = new Option<double>("--learning-rate") { Description = "Peak learning rate; 0 shows that nothing changes without training", DefaultValueFactory = _ => 4e-3 };
        var output = new Option<string>("--output-dir") { Description = "Where pictures and adapter go", DefaultValueFactory = _ => Path.Combine("runs", "demo") };
        var makeBase = new Option<string?>("--make-base") { HelpName = "DIR", Description = "Instead: train the demo's base model anew, from random weights, and write it to DIR" };
        var steps = new Option<int>("--base-steps") { Description = "Steps of --make-base", DefaultValueFactory = _ => 3000 };
        var command = new Command("demo", "Teach a small model a new task on the processor, offline: pictures, LoRA training, answers before and after") { seed, rate, output, makeBase, steps };
        command.SetAction(parsed =>
        {
            if (parsed.GetValue(makeBase) is { } directory)
            {
                return MakeBase(host, directory, parsed.GetValue(steps), (ulong)parsed.GetValue(seed));
            }

            return new DemoRun(host, new DemoOptions(parsed.GetValue(seed), parsed.GetValue(rate), parsed.GetValue(output)!)).Run();
        });
        return new Verb(command);
    }

    private static int MakeBase(CliHost host, string directory, int steps, ulong seed)
    {
        using var session = new ComputeSession(Compute.F32);
        new BaseModelRecipe(session, new ConsoleProgress(host)).Make(directory, steps, seed, host.Stop.Token);
        host.Result.WriteLine($"the demo's base model: {directory}");
        return ExitCodes.Done;
    }
}
