using System.CommandLine;
using Lorikeet.Cli.Devices;
using Lorikeet.Cli.Parity;

namespace Lorikeet.Cli.Commands;

/// <summary>parity: recomputes a directory of reference outputs from its sources and compares.</summary>
internal static class ParityCommand
{
    /// <summary>The verb.</summary>
    public static Verb Create(CliHost host)
    {
        var directory = new Argument<string>("directory") { HelpName = "DIR", Description = "A directory laid out like test/goldens; any part may be missing" };
        var family = new Option<string?>("--family") { Description = "Only this directory under cases/" };
        var only = new Option<string?>("--only") { Description = "Only these areas, separated by commas: " + string.Join(", ", ParityAreas.Names) };
        Option<string?> device = DeviceOption.Create("cpu");
        var compute = new Option<string>("--compute") { Description = "f32, or bf16", DefaultValueFactory = _ => "f32" };
        var dump = new Option<string?>("--dump") { HelpName = "OUT", Description = "Write every computed value to OUT under the golden's own file and tensor names" };
        var command = new Command("parity", "Recompute reference outputs from their sources and compare; exit code 1 if a check fails") { directory, family, only, device, compute, dump };
        command.SetAction(parsed => Run(host, new ParityOptions(
            parsed.GetValue(directory)!,
            parsed.GetValue(family),
            Areas(parsed.GetValue(only)),
            ComputeOption.Parse(parsed.GetValue(compute)!),
            parsed.GetValue(dump))
        {
            Device = DeviceOption.Parse(parsed.GetValue(device)),
        }));
        return new Verb(command);
    }

    private static int Run(CliHost host, ParityOptions options)
    {
        if (!Directory.Exists(options.Root))
        {
            throw new InvalidDataException($"{options.Root}: there is no such directory");
        }

        using var session = new ComputeSession(host, options.Device, options.Compute);
        var run = new ParityRun(options, host.Result);
        ParityAreas.RunAll(run, session, host.Stop.Token);
        run.Close();
        return run.Failed == 0 ? ExitCodes.Done : ExitCodes.Fault;
    }

    private static string[] Areas(string? only)
    {
        string[] areas = only?.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries) ?? [];
        foreach (string area in areas)
        {
            if (!ParityAreas.Names.Contains(area))
            {
                throw new InvalidDataException($"--only: there is no area '{area}'; areas are {string.Join(", ", ParityAreas.Names)}");
            }
        }

        return areas;
    }
}
