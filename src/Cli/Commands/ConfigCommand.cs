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
        var keys = new Option<bool>("--keys") { Description = "Print the reference of all keys as Markdown instead" };
        var command = new Command("config", "Check a run file and print it with every key and value") { run, schema, keys };
        command.Validators.Add(result =>
        {
            int asked = (result.GetValue(schema) ? 1 : 0) + (result.GetValue(keys) ? 1 : 0) + (result.GetValue(run) is null ? 0 : 1);
            if (asked != 1)
            {
                result.AddError("config needs a run file, --schema or --keys");
            }
        });
        command.SetAction(parsed =>
        {
            string text = parsed.GetValue(schema) ? RunConfigSchema.Write() + "\n" : parsed.GetValue(keys) ? RunConfigReference.Write()
                : RunConfigWriter.Write(RunFileArgument.Load(host, parsed.GetValue(run)!));
            host.Result.Write(text);
            return ExitCodes.Done;
        });
        return new Verb(command, TakesSettings: true);
    }
}
