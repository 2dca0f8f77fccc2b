using System.Text;
using Spectre.Console;

namespace Lorikeet.Cli.Tests;

/// <summary>A command line whose output is kept.</summary>
internal sealed class TestHost
{
    private readonly StringBuilder _result = new();
    private readonly StringBuilder _messages = new();

    public TestHost(bool isLive = false, TimeProvider? clock = null, Func<string, string?>? environment = null)
    {
        var messages = new HeardWriter(_messages, text => OnMessage?.Invoke(text));
        Host = new CliHost
        {
            Result = new StringWriter(_result),
            Messages = messages,
            IsLive = isLive,
            Clock = clock ?? TimeProvider.System,
            Environment = environment ?? (static _ => null),
            Progress = AnsiConsole.Create(new AnsiConsoleSettings
            {
                Out = new AnsiConsoleOutput(messages),
                Ansi = isLive ? AnsiSupport.Yes : AnsiSupport.No,
                ColorSystem = ColorSystemSupport.NoColors,
            }),
        };
        Host.Progress.Profile.Width = 80;
    }

    public CliHost Host { get; }

    /// <summary>Called with every line that goes to standard error.</summary>
    public Action<string>? OnMessage { get; set; }

    public string Result => _result.ToString();

    public string Messages => _messages.ToString();

    public int Run(IReadOnlyList<Func<CliHost, Verb>> verbs, params string[] arguments) => new CommandLine(verbs).Run(arguments, Host);
}

/// <summary>A text that somebody listens to while it is written.</summary>
internal sealed class HeardWriter(StringBuilder text, Action<string> heard) : StringWriter(text)
{
    public override void WriteLine(string? value)
    {
        base.WriteLine(value);
        heard(value ?? "");
    }
}

/// <summary>A clock that stands still unless it is moved.</summary>
internal sealed class HandClock : TimeProvider
{
    private long _ticks = 1;

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    public override long GetTimestamp() => _ticks;

    public void Move(double seconds) => _ticks += TimeSpan.FromSeconds(seconds).Ticks;
}
