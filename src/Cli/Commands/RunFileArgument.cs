using System.CommandLine;
using Lorikeet.Training.Config;

namespace Lorikeet.Cli.Commands;

/// <summary>The run file that a verb takes, with the settings that override it.</summary>
internal static class RunFileArgument
{
    /// <summary>The argument RUN.yaml.</summary>
    public static Argument<string> Create() => new("run")
    {
        HelpName = "RUN.yaml",
        Description = "The run file (see recipes/). Settings override it: --section.key value, for example --lora.r 16 --train.max_steps 100",
    };

    /// <summary>Reads the run file with its settings and tells the notes.</summary>
    public static RunConfig Load(CliHost host, string path)
    {
        var run = RunConfigReader.Load(path, host.Settings);
        foreach (string note in run.Notes)
        {
            host.Messages.WriteLine($"note: {note}");
        }

        return run.Config;
    }
}
