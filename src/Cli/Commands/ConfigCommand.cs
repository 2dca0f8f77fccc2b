using System.CommandLine;
using Lorikeet.Training.Config;

namespace Lorikeet.Cli.Commands;

/// <summary>config: shows what a run file means, or which keys there are.</summary>
internal static class ConfigCommand
{
    /// <summary>The verb.</summary>
    public static Verb Create(CliHost host)
    {
        var run = RunFileArgument.Create();
        run.Arity = ArgumentArity.ZeroOrOne;
        var schema = new Option<bool>("--schema") { Description = "Print the JSON schema of run files instead" };
        var command = new Command("config", "Check a run file and print it with every key and value") { run, schema };
        command.Validators.Add(result =>
        {
            if (result.GetValue(schema) == result.GetValue(run) is not null)
            {
                result.AddError("config needs a run file or --schema");
            }
        });
        command.SetAction(parsed =>
        {
            string text = parsed.GetValue(schema) ? RunConfigSchema.Write() + "\n" : RunConfigWriter.Write(RunFileArgument.Load(host, parsed.GetValue(run)!));
            host.Result.Write(text);
            return ExitCodes.Done;
        });
        return new Verb(command, TakesSettings: true);
    }
}
