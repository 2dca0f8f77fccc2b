using System.CommandLine;
using System.Globalization;
using Lorikeet.Cli.Devices;
using Lorikeet.Cli.Hub;
using Lorikeet.Cli.Planning;
using Lorikeet.Nn.Weights;
using Lorikeet.Tensors;
using Lorikeet.Tensors.Cuda;
using Lorikeet.Training.Config;

namespace Lorikeet.Cli.Commands;

/// <summary>plan: what a run will need, before anything is loaded.</summary>
internal static class PlanCommand
{
    /// <summary>The verb.</summary>
    public static Verb Create(CliHost host)
    {
        Argument<string> file = RunFileArgument.Create();
        var memory = new Option<string?>("--memory") { HelpName = "SIZE", Description = "What the run may take, such as 16GiB; without it, the device's memory" };
        var fit = new Option<bool>("--fit") { Description = "End with exit code 2 if the run needs more than that" };
        var rows = new Option<string>("--rows") { HelpName = "N|all", Description = "Rows of the data to look at; more are sampled evenly", DefaultValueFactory = _ => PlanLine.DefaultRows.ToString(CultureInfo.InvariantCulture) };
        var json = new Option<bool>("--json") { Description = "Print the plan as one line of JSON" };
        Option<string?> device = DeviceOption.Create(otherwise: null);
        var command = new Command("plan", "Say what a run will train, and what memory and time it will need, without loading the model; weights may even be absent") { file, memory, fit, rows, json, device };
        command.SetAction(parsed =>
        {
            long? budget = parsed.GetValue(memory) is { } size ? Size(size) : null;
            long? most = Rows(parsed.GetValue(rows)!);
            RunConfig config = HubData.Located(host, RunFileArgument.Load(host, parsed.GetValue(file)!));
            using ComputeSession? session = Open(host, parsed.GetValue(device) is { } where ? DeviceOption.Parse(where) : config.Model.Device, budget);
            PlanResult result = Planned.Make(host, session, config, most, PlanBudget.Of(session, budget));
            host.Result.Write(parsed.GetValue(json) ? PlanJson.Of(result) + "\n" : PlanText.Of(result));
            if (!result.Fits)
            {
                host.Messages.WriteLine(PlanText.DoesNotFit(result));
            }

            return parsed.GetValue(fit) && !result.Fits ? ExitCodes.Input : ExitCodes.Done;
        });
        return new Verb(command, TakesSettings: true);
    }

    /// <summary>The device that the run would have; null for a GPU that is not here but whose memory was given.</summary>
    private static ComputeSession? Open(CliHost host, DeviceChoice device, long? budget)
    {
        try
        {
            return new ComputeSession(host, device, Compute.F32);
        }
        catch (CudaUnavailableException) when (budget is not null)
        {
            host.Messages.WriteLine("note: planning for a GPU that this machine does not have");
            return null;
        }
        catch (CudaUnavailableException e)
        {
            throw new CudaUnavailableException(e.Message + "; to plan for a GPU elsewhere, say how much memory it has (--memory 24GiB)", e);
        }
    }

    private static long Size(string text) => ShardedWeights.TryParseSize(text, out long bytes)
        ? bytes
        : throw new InvalidDataException($"--memory {text}: expected a size such as 16GiB, 512MiB or 24000000000");

    private static long? Rows(string text) => text == "all" ? null
        : long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out long rows) && rows > 0 ? rows
        : throw new InvalidDataException($"--rows {text}: expected a number above 0, or all");
}
