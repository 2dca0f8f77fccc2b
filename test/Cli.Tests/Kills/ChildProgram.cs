using System.Diagnostics;
using System.Globalization;

namespace Lorikeet.Cli.Tests.Kills;

/// <summary>The real program in a process of its own, so that it can be killed and starved.</summary>
internal static class ChildProgram
{
    private static string Dll { get; } = Path.Combine(AppContext.BaseDirectory, "lorikeet.dll");

    /// <summary>Starts the program; what it says is collected.</summary>
    public static Child Start(string[] arguments, int threads = 2, string? fault = null) =>
        new(Process.Start(With(new ProcessStartInfo("dotnet", ["exec", Dll, .. arguments]), threads, fault))!);

    /// <summary>Starts the program from a shell, after commands that change what the process may do.</summary>
    public static Child StartAfter(string shellCommands, string[] arguments)
    {
        var start = With(new ProcessStartInfo("/bin/sh", ["-c", shellCommands + "; exec dotnet exec \"$@\"", "sh", Dll, .. arguments]), 2, null);

        // Its map of code pages is a file of hundreds of megabytes, which no limit of file sizes lets pass.
        start.Environment["DOTNET_EnableWriteXorExecute"] = "0";
        return new Child(Process.Start(start)!);
    }

    private static ProcessStartInfo With(ProcessStartInfo start, int threads, string? fault)
    {
        start.RedirectStandardOutput = start.RedirectStandardError = start.RedirectStandardInput = true;
        start.Environment["DOTNET_PROCESSOR_COUNT"] = threads.ToString(CultureInfo.InvariantCulture);
        start.Environment["DOTNET_TieredPGO"] = "0";
        start.Environment[ProvokedFault.Variable] = fault;
        return start;
    }
}

/// <summary>A running program.</summary>
internal sealed class Child : IDisposable
{
    private readonly Task<string> _result;
    private readonly Task<string> _messages;

    public Child(Process process)
    {
        Process = process;
        process.StandardInput.Close();
        _result = process.StandardOutput.ReadToEndAsync();
        _messages = process.StandardError.ReadToEndAsync();
    }

    public Process Process { get; }

    /// <summary>Kills it (SIGKILL) unless it ends by itself in time.</summary>
    /// <returns>True if it was killed.</returns>
    public bool KillAfter(TimeSpan time)
    {
        if (Process.WaitForExit(time))
        {
            return false;
        }

        Process.Kill();
        Process.WaitForExit();
        return Process.ExitCode == 137;
    }

    /// <summary>Asks it to end (SIGTERM) unless it ends by itself in time.</summary>
    public void StopAfter(TimeSpan time)
    {
        if (!Process.WaitForExit(time))
        {
            using var kill = Process.Start("kill", ["-TERM", Process.Id.ToString(CultureInfo.InvariantCulture)]);
            kill.WaitForExit();
        }
    }

    /// <summary>Waits for its end.</summary>
    public Said End()
    {
        if (!Process.WaitForExit(TimeSpan.FromMinutes(5)))
        {
            Process.Kill();
            Assert.Fail($"hangs; it said:\n{_messages.Result}");
        }

        return new Said(Process.ExitCode, _result.Result, _messages.Result);
    }

    public void Dispose() => Process.Dispose();
}
