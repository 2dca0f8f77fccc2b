using Spectre.Console;

namespace Lorikeet.Cli;

/// <summary>What the command line needs of its surroundings; tests bring their own.</summary>
internal sealed class CliHost
{
    /// <summary>Where results go: standard output.</summary>
    public required TextWriter Result { get; init; }

    /// <summary>Standard output with colours where it is a terminal that has them; it never wraps lines.</summary>
    public IAnsiConsole ResultConsole
    {
        get => field ??= Unwrapped(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(Result), Ansi = AnsiSupport.No, ColorSystem = ColorSystemSupport.NoColors });
        init;
    }

    /// <summary>Where everything else goes, progress and messages: standard error.</summary>
    public required IAnsiConsole Progress { get; init; }

    /// <summary>Standard error as plain text, for what must not be wrapped at the terminal's width.</summary>
    public required TextWriter Messages { get; init; }

    /// <summary>What the user types: standard input.</summary>
    public TextReader Input { get; init; } = TextReader.Null;

    /// <summary>True if standard error is a terminal that can be drawn on.</summary>
    public bool IsLive { get; init; }

    /// <summary>Reads an environment variable.</summary>
    public Func<string, string?> Environment { get; init; } = static _ => null;

    /// <summary>The clock.</summary>
    public TimeProvider Clock { get; init; } = TimeProvider.System;

    /// <summary>Ctrl-C.</summary>
    public StopSignal Stop { get; init; } = new();

    /// <summary>How the user calls the program, for commands that messages suggest.</summary>
    public string CommandName { get; init; } = "lorikeet";

    /// <summary>Settings such as --lora.r 16 that were taken out of the command line.</summary>
    public IReadOnlyList<string> Settings { get; set; } = [];

    /// <summary>The surroundings of this process.</summary>
    public static CliHost OfProcess()
    {
        static string? Get(string name) => System.Environment.GetEnvironmentVariable(name) is { Length: > 0 } value ? value : null;

        bool isTerminal = !Console.IsErrorRedirected && Get("TERM") is not (null or "dumb");
        bool isColoured = isTerminal && Get("NO_COLOR") is null;
        bool isColouredResult = !Console.IsOutputRedirected && Get("TERM") is not (null or "dumb") && Get("NO_COLOR") is null;
        return new CliHost
        {
            Result = Console.Out,
            ResultConsole = Unwrapped(new AnsiConsoleSettings
            {
                Out = new AnsiConsoleOutput(Console.Out),
                Ansi = isColouredResult ? AnsiSupport.Yes : AnsiSupport.No,
                ColorSystem = isColouredResult ? ColorSystemSupport.Detect : ColorSystemSupport.NoColors,
                Interactive = InteractionSupport.No,
            }),
            Messages = Console.Error,
            Input = Console.In,
            Progress = AnsiConsole.Create(new AnsiConsoleSettings
            {
                Out = new AnsiConsoleOutput(Console.Error),
                Ansi = isTerminal ? AnsiSupport.Yes : AnsiSupport.No,
                ColorSystem = isColoured ? ColorSystemSupport.Detect : ColorSystemSupport.NoColors,
                Interactive = InteractionSupport.No,
            }),
            IsLive = isTerminal,
            Environment = Get,
            CommandName = Get("LORIKEET_COMMAND") ?? "lorikeet",
        };
    }

    // The terminal wraps by itself; lines broken by us could not be copied, or searched in a file.
    private static IAnsiConsole Unwrapped(AnsiConsoleSettings settings)
    {
        const int Widest = 1 << 20;
        IAnsiConsole console = AnsiConsole.Create(settings);
        console.Profile.Width = Widest;
        return console;
    }
}
