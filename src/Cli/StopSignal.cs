using System.Runtime.InteropServices;

namespace Lorikeet.Cli;

/// <summary>
/// Ctrl-C and termination requests. The first asks the work to end at the next good place: a training run finishes its step and saves
/// a checkpoint. The second ends the process at once. Files beyond a size limit (ulimit -f) become errors of the write, which name the file,
/// instead of the silent end that the system has for them.
/// </summary>
internal sealed class StopSignal : IDisposable
{
    private const PosixSignal FileTooLarge = (PosixSignal)25;

    private readonly CancellationTokenSource _source = new();

    /// <summary>Cancelled by the first request.</summary>
    public CancellationToken Token => _source.Token;

    /// <summary>What the user is told at the first request; a verb with something to save says so here.</summary>
    public string Announcement { get; set; } = "stopping; Ctrl-C again quits at once";

    /// <summary>Listens until the result is disposed.</summary>
    public IDisposable Listen(TextWriter messages)
    {
        PosixSignal[] signals = OperatingSystem.IsWindows() ? [PosixSignal.SIGINT] : [PosixSignal.SIGINT, PosixSignal.SIGTERM];
        var registrations = signals.Select(signal => PosixSignalRegistration.Create(signal, context =>
        {
            if (Request(messages))
            {
                context.Cancel = true;
                return;
            }

            Environment.Exit(ExitCodes.Interrupted);
        })).ToList();
        if (OperatingSystem.IsLinux())
        {
            registrations.Add(PosixSignalRegistration.Create(FileTooLarge, context => context.Cancel = true));
        }

        return new Registrations([.. registrations]);
    }

    /// <summary>Takes a request to stop.</summary>
    /// <returns>True for the first one; false if the process should end now.</returns>
    public bool Request(TextWriter messages)
    {
        if (_source.IsCancellationRequested)
        {
            return false;
        }

        messages.WriteLine();
        messages.WriteLine(Announcement);
        _source.Cancel();
        return true;
    }

    /// <summary>Releases the token.</summary>
    public void Dispose() => _source.Dispose();

    private sealed class Registrations(PosixSignalRegistration[] registrations) : IDisposable
    {
        public void Dispose() => Array.ForEach(registrations, registration => registration.Dispose());
    }
}
