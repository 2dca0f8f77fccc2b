using System.CommandLine;
using System.CommandLine.Invocation;
using System.CommandLine.Parsing;
using Lorikeet.Training.Config;
using Lorikeet.Training.Config.Binding;

namespace Lorikeet.Cli;

/// <summary>A verb: its command, and whether settings of a run file (--lora.r 16) may follow it.</summary>
internal sealed record Verb(Command Command, bool TakesSettings = false);

/// <summary>Parses the command line, runs the verb, and turns whatever happens into messages and an exit code.</summary>
internal sealed class CommandLine(IReadOnlyList<Func<CliHost, Verb>> verbs)
{
    private const string About = "Fine-tunes vision-language models. Results go to standard output, progress and messages to standard error.\n"
        + "Exit codes: 0 done; 1 a fault of Lorikeet, or checks that failed; 2 something in the input; 3 stopped on a loss that is no number;\n"
        + "130 interrupted, with a checkpoint where there was something to save.";

    /// <summary>Runs the program.</summary>
    /// <returns>The exit code; see <see cref="ExitCodes"/>.</returns>
    public int Run(IReadOnlyList<string> arguments, CliHost host)
    {
        using var signals = host.Stop.Listen(host.Messages);
        try
        {
            return Invoke(arguments, host);
        }
        catch (Exception failure) when (ExitCodes.IsHandled(failure))
        {
            return ExitCodes.Report(failure, host);
        }
    }

    private int Invoke(IReadOnlyList<string> arguments, CliHost host)
    {
        var root = new RootCommand(About);
        var known = verbs.Select(create => create(host)).ToList();
        known.ForEach(verb => root.Add(verb.Command));
        root.Add(HelpFor(root));
        if (arguments.Count == 0)
        {
            arguments = ["--help"];
        }

        if (!arguments[0].StartsWith('-') && root.Subcommands.All(command => command.Name != arguments[0]))
        {
            string hint = Nearest.Find(arguments[0], root.Subcommands.Select(command => command.Name)) is { } near ? $"; did you mean '{near}'?" : "";
            host.Messages.WriteLine($"unknown verb '{arguments[0]}'{hint}");
            host.Messages.WriteLine($"help: {host.CommandName} --help");
            return ExitCodes.Input;
        }

        if (known.FirstOrDefault(verb => verb.TakesSettings && verb.Command.Name == arguments[0]) is { } takes)
        {
            (arguments, host.Settings) = RunOverrides.Split(arguments, takes.Command.Options.SelectMany(o => o.Aliases.Append(o.Name)).ToHashSet());
        }

        var parsed = root.Parse(arguments, new ParserConfiguration { ResponseFileTokenReplacer = null });
        if (parsed.Errors.Count > 0 && parsed.Action is null or ParseErrorAction)
        {
            foreach (var error in parsed.Errors)
            {
                host.Messages.WriteLine(error.Message);
            }

            host.Messages.WriteLine($"help: {host.CommandName} {string.Join(' ', PathOf(parsed))}--help");
            return ExitCodes.Input;
        }

        return parsed.Invoke(new InvocationConfiguration
        {
            Output = host.Result,
            Error = host.Messages,
            EnableDefaultExceptionHandler = false,
            ProcessTerminationTimeout = null,
        });
    }

    // "lorikeet help train" is "lorikeet train --help".
    private static Command HelpFor(RootCommand root)
    {
        var verb = new Argument<string[]>("verb") { Description = "The verb to explain", Arity = ArgumentArity.ZeroOrMore };
        var help = new Command("help", "Explain a verb") { verb };
        help.SetAction(parsed => root.Parse([.. parsed.GetValue(verb) ?? [], "--help"]).Invoke(parsed.InvocationConfiguration));
        return help;
    }

    // "data check " for the verb data with its command check.
    private static IEnumerable<string> PathOf(ParseResult parsed)
    {
        var names = new List<string>();
        for (SymbolResult? at = parsed.CommandResult; at is CommandResult { Command: not RootCommand } result; at = result.Parent)
        {
            names.Insert(0, result.Command.Name);
        }

        return names.Count == 0 ? [] : [.. names, ""];
    }
}
