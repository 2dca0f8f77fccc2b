using System.CommandLine;
using Lorikeet.Cli.Parity;
using Lorikeet.Tensors;

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
        var device = new Option<string>("--device") { Description = "cpu, or cuda", DefaultValueFactory = _ => "cpu" };
        var compute = new Option<string>("--compute") { Description = "f32, or bf16", DefaultValueFactory = _ => "f32" };
        var dump = new Option<string?>("--dump") { HelpName = "OUT", Description = "Write every computed value to OUT under the golden's own file and tensor names" };
        var command = new Command("parity", "Recompute reference outputs from their sources and compare; exit code 1 if a check fails") { directory, family, only, device, compute, dump };
        command.SetAction(parsed => Run(host, new ParityOptions(
            parsed.GetValue(directory)!,
            parsed.GetValue(family),
            Areas(parsed.GetValue(only)),
            ComputeOf(parsed.GetValue(device)!, parsed.GetValue(compute)!),
            parsed.GetValue(dump))));
        return new Verb(command);
    }

    private static int Run(CliHost host, ParityOptions options)
    {
        if (!Directory.Exists(options.Root))
        {
            throw new InvalidDataException($"{options.Root}: there is no such directory");
        }

        using var session = new ComputeSession(options.Compute);
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

    private static Compute ComputeOf(string device, string compute) => (device, compute) switch
    {
        ("cpu", "f32") => Compute.F32,
        ("cpu", "bf16") => Compute.BF16,
        ("cuda", _) => throw new InvalidDataException("--device cuda: computing on a GPU is not available yet"),
        ("cpu", _) => throw new InvalidDataException($"--compute: expected f32 or bf16, found '{compute}'"),
        _ => throw new InvalidDataException($"--device: expected cpu or cuda, found '{device}'"),
    };
}
