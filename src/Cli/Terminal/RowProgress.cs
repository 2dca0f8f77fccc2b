using System.Globalization;
using Spectre.Console;

namespace Lorikeet.Cli.Terminal;

/// <summary>Shows on standard error how far work over many rows has come: one line, redrawn on a terminal, else every few seconds.</summary>
/// <param name="host">The surroundings.</param>
internal sealed class RowProgress(CliHost host)
{
    private static readonly TimeSpan LiveInterval = TimeSpan.FromSeconds(0.1);
    private static readonly TimeSpan PlainInterval = TimeSpan.FromSeconds(5);
    private string _activity = "";
    private long _began;
    private long _drawnAt;
    private bool _isDrawn;

    /// <summary>Tells how far the work has come.</summary>
    /// <param name="activity">What is done; a new one starts the clock anew.</param>
    /// <param name="done">Rows done.</param>
    /// <param name="total">Rows in all.</param>
    public void Report(string activity, long done, long total)
    {
        if (activity != _activity)
        {
            (_activity, _began) = (activity, host.Clock.GetTimestamp());
            _drawnAt = _began;
        }

        if (host.Clock.GetElapsedTime(_drawnAt) < (host.IsLive ? LiveInterval : PlainInterval) || done >= total)
        {
            return;
        }

        _drawnAt = host.Clock.GetTimestamp();
        TimeSpan elapsed = host.Clock.GetElapsedTime(_began);
        string line = string.Create(
            CultureInfo.InvariantCulture,
            $"{activity} {Words.Count(done)}/{Words.Count(total)}, {done / Math.Max(1e-9, elapsed.TotalSeconds):0} rows/s, ETA {Words.Duration(elapsed * ((double)(total - done) / done))}");
        if (!host.IsLive)
        {
            host.Messages.WriteLine(line);
            return;
        }

        Erase();
        host.Progress.MarkupLine(Markup.Escape(line[..Math.Min(line.Length, Math.Max(20, host.Progress.Profile.Width - 1))]));
        _isDrawn = true;
    }

    /// <summary>Takes the line off the screen.</summary>
    public void Erase()
    {
        if (_isDrawn)
        {
            host.Progress.Write(new ControlCode("\u001b[1A\r\u001b[0J"));
            _isDrawn = false;
        }
    }
}
