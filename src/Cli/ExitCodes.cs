using System.Globalization;
using System.Reflection;
using Lorikeet.Tensors.Cuda;
using Lorikeet.Training;

namespace Lorikeet.Cli;

/// <summary>What the process's exit code says, and which exception ends in which.</summary>
internal static class ExitCodes
{
    /// <summary>Done.</summary>
    public const int Done = 0;

    /// <summary>A fault of Lorikeet, or checks that failed (parity).</summary>
    public const int Fault = 1;

    /// <summary>Something in the user's input or surroundings: files, options, a missing library or GPU, too little memory.</summary>
    public const int Input = 2;

    /// <summary>Stopped because the loss or a gradient was no number.</summary>
    public const int NotANumber = 3;

    /// <summary>Interrupted by Ctrl-C; what there was to save is saved.</summary>
    public const int Interrupted = 130;

    /// <summary>False for failures after which nothing can be relied on any more.</summary>
    public static bool IsHandled(Exception failure) => failure is not (StackOverflowException or AccessViolationException);

    /// <summary>The exit code of a failure.</summary>
    public static int For(Exception failure) => Innermost(failure) switch
    {
        OperationCanceledException => Interrupted,
        TrainingDivergedException => NotANumber,
        InvalidDataException or IOException or UnauthorizedAccessException => Input,
        DllNotFoundException or CudaUnavailableException => Input,
        InsufficientMemoryException => Input,
        _ => Fault,
    };

    /// <summary>Tells the user about a failure and returns its exit code. For a fault of ours the details go to a file.</summary>
    public static int Report(Exception failure, CliHost host)
    {
        failure = Innermost(failure);
        int code = For(failure);
        switch (code)
        {
            case Interrupted:
                host.Messages.WriteLine("interrupted");
                break;
            case Fault:
                string log = WriteLog(failure, host);
                host.Messages.WriteLine($"This is a fault of Lorikeet, not of your input: {failure.GetType().Name}: {failure.Message}");
                host.Messages.WriteLine($"Please report it with {log}");
                break;
            default:
                host.Messages.WriteLine($"error: {failure.Message}");
                break;
        }

        return code;
    }

    private static Exception Innermost(Exception failure) => failure switch
    {
        AggregateException { InnerExceptions.Count: 1 } several => Innermost(several.InnerExceptions[0]),
        TargetInvocationException { InnerException: { } inner } => Innermost(inner),
        TypeInitializationException { InnerException: { } inner } => Innermost(inner),
        _ => failure,
    };

    private static string WriteLog(Exception failure, CliHost host)
    {
        string state = host.Environment("XDG_STATE_HOME")
            ?? (host.Environment("HOME") is { } home ? Path.Combine(home, ".local", "state") : Path.GetTempPath());
        var now = host.Clock.GetUtcNow();
        string text = string.Create(CultureInfo.InvariantCulture, $"{now:O}\nlorikeet {Version}, .NET {System.Environment.Version}, {System.Environment.OSVersion}\n\n{failure}\n");
        foreach (string folder in new[] { Path.Combine(state, "lorikeet"), Path.GetTempPath() })
        {
            try
            {
                Directory.CreateDirectory(folder);
                string file = Path.Combine(folder, string.Create(CultureInfo.InvariantCulture, $"fault-{now:yyyyMMdd-HHmmss}-{System.Environment.ProcessId}.log"));
                File.WriteAllText(file, text);
                return file;
            }
            catch (Exception denied) when (denied is IOException or UnauthorizedAccessException)
            {
                // The next folder is tried; the terminal is the last resort.
            }
        }

        return "the following:\n" + text;
    }

    /// <summary>The version of the program.</summary>
    public static string Version { get; } =
        typeof(ExitCodes).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion ?? "unknown";
}
