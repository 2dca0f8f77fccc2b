using System.ComponentModel;
using System.Diagnostics;
using System.Text;

namespace Lorikeet.Imaging.Video;

/// <summary>A running ffmpeg or ffprobe. It is ended at the latest when its time is over or this is disposed.</summary>
internal sealed class MediaProgram : IDisposable
{
    private const int MaxMessage = 600;
    private readonly Process _process;
    private readonly string _name;
    private readonly TimeSpan _maxTime;
    private readonly CancellationTokenSource _limit;
    private readonly CancellationTokenRegistration _ending;
    private readonly StringBuilder _errors = new();

    private MediaProgram(Process process, string name, TimeSpan maxTime)
    {
        (_process, _name, _maxTime) = (process, name, maxTime);
        process.ErrorDataReceived += (_, line) =>
        {
            lock (_errors)
            {
                if (line.Data is { } text && _errors.Length < MaxMessage)
                {
                    _errors.Append(_errors.Length == 0 ? "" : "; ").Append(text, 0, Math.Min(text.Length, MaxMessage));
                }
            }
        };
        process.BeginErrorReadLine();
        _limit = new CancellationTokenSource(maxTime);
        _ending = _limit.Token.Register(End);
    }

    /// <summary>What it writes.</summary>
    public Stream Output => _process.StandardOutput.BaseStream;

    /// <summary>Starts a program.</summary>
    /// <param name="program">Its name, looked for on the path.</param>
    /// <param name="arguments">Its arguments; no shell sees them.</param>
    /// <param name="name">What messages call the file that it reads.</param>
    /// <param name="maxTime">After this time it is ended.</param>
    /// <exception cref="DllNotFoundException">It is not installed: not the row's fault, so no row is left out for it.</exception>
    public static MediaProgram Start(string program, IReadOnlyList<string> arguments, string name, TimeSpan maxTime)
    {
        var start = new ProcessStartInfo(program, arguments)
        {
            RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true, UseShellExecute = false,
        };
        try
        {
            Process process = Process.Start(start)!;
            process.StandardInput.Close();
            return new MediaProgram(process, name, maxTime);
        }
        catch (Win32Exception error)
        {
            throw new DllNotFoundException($"{name}: videos are read by the program {program}, which cannot be started ({error.Message}). {VideoPrograms.HowToInstall}", error);
        }
    }

    /// <summary>Waits for the end, and throws unless all went well.</summary>
    /// <exception cref="InvalidDataException">The program failed or ran out of time.</exception>
    public void RequireSuccess()
    {
        _process.WaitForExit();
        if (_limit.IsCancellationRequested)
        {
            throw new InvalidDataException($"{_name}: reading the video took more than {_maxTime.TotalMinutes:0.#} minutes and was ended. Cut it, or give its frames as pictures.");
        }

        if (_process.ExitCode != 0)
        {
            lock (_errors)
            {
                throw new InvalidDataException($"{_name}: the video cannot be read ({(_errors.Length == 0 ? $"{_process.ProcessName} ended with code {_process.ExitCode}" : _errors)}).");
            }
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _ending.Dispose();
        End();
        _process.Dispose();
        _limit.Dispose();
    }

    private void End()
    {
        try
        {
            _process.Kill();
        }
        catch (InvalidOperationException)
        {
            // It has ended by itself.
        }
    }
}
