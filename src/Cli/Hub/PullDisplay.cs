using System.Globalization;
using Lorikeet.Cli.Terminal;
using Lorikeet.Hub;
using Spectre.Console;

namespace Lorikeet.Cli.Hub;

/// <summary>Pulls a repository and shows how it goes, on standard error: a line that is redrawn on a terminal, a line every few seconds elsewhere.</summary>
internal sealed class PullDisplay(CliHost host)
{
    private static readonly TimeSpan LiveInterval = TimeSpan.FromSeconds(0.1);
    private static readonly TimeSpan PlainInterval = TimeSpan.FromSeconds(5);

    // The speed is that of the last seconds, so that it follows a connection that becomes slower.
    private static readonly TimeSpan SpeedWindow = TimeSpan.FromSeconds(10);

    private readonly Queue<(long At, long Bytes)> _marks = new();
    private long _began, _shown, _bytes, _total, _kept;
    private int _files, _filesDone;
    private bool _hasLine;

    /// <summary>Pulls.</summary>
    public static Snapshot Run(CliHost host, HubOptions options, PullRequest request)
    {
        var display = new PullDisplay(host);
        try
        {
            Snapshot pulled = new HubClient(options, display.On, host.Clock).Pull(request, host.Stop.Token).GetAwaiter().GetResult();
            display.Close();
            return pulled;
        }
        catch
        {
            display.Erase();
            throw;
        }
    }

    /// <summary>Hears an event.</summary>
    public void On(PullEvent happened)
    {
        switch (happened)
        {
            case PullPlanned planned:
                _began = host.Clock.GetTimestamp();
                _shown = _began;
                (_total, _kept, _files) = (_total + planned.Bytes, _kept + planned.Kept, _files + planned.Files);
                string present = planned.Present > 0 ? string.Create(CultureInfo.InvariantCulture, $", {planned.Present} here already") : "";
                string kept = planned.Kept > 0 ? $", going on after {Words.Bytes(planned.Kept)} of an earlier try" : "";
                Say(string.Create(CultureInfo.InvariantCulture, $"commit {planned.Commit}: {planned.Files} {(planned.Files == 1 ? "file" : "files")} to fetch, {Words.Bytes(planned.Bytes)}{kept}{present}"));
                break;
            case PullAdvanced advanced:
                _bytes += advanced.Bytes;
                Show();
                break;
            case PullFileDone:
                _filesDone++;
                break;
            case PullNote note:
                Say("note: " + note.Text);
                break;
        }
    }

    private void Show()
    {
        if (host.Clock.GetElapsedTime(_shown) < (host.IsLive ? LiveInterval : PlainInterval))
        {
            return;
        }

        _shown = host.Clock.GetTimestamp();
        string line = Line();
        if (host.IsLive)
        {
            Erase();
            host.Progress.MarkupLine(Markup.Escape(line));
            _hasLine = true;
        }
        else
        {
            host.Messages.WriteLine(line);
        }
    }

    private string Line()
    {
        _marks.Enqueue((_shown, _bytes));
        while (_marks.Count > 2 && host.Clock.GetElapsedTime(_marks.Peek().At, _shown) > SpeedWindow)
        {
            _marks.Dequeue();
        }

        (long at, long bytes) = _marks.Count > 1 ? _marks.Peek() : (_began, 0);
        double seconds = host.Clock.GetElapsedTime(at, _shown).TotalSeconds;
        double speed = seconds > 0 ? Math.Max(0, _bytes - bytes) / seconds : 0;
        long all = _total + _kept;
        double share = all > 0 ? 100.0 * (_bytes + _kept) / all : 100;
        string eta = speed > 0 ? Words.Duration(TimeSpan.FromSeconds(Math.Min((_total - _bytes) / speed, 8_640_000))) : "-";
        return string.Create(CultureInfo.InvariantCulture, $"{Words.Bytes(_bytes + _kept)} of {Words.Bytes(all)} ({share:0} %)  {Words.Bytes((long)speed)}/s  ETA {eta}  {_filesDone}/{_files} files");
    }

    private void Close()
    {
        Erase();
        if (_files > 0)
        {
            TimeSpan took = host.Clock.GetElapsedTime(_began);
            string speed = took.TotalSeconds > 0 ? $", {Words.Bytes((long)(_bytes / took.TotalSeconds))}/s" : "";
            host.Messages.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{_files} {(_files == 1 ? "file" : "files")} fetched and checked: {Words.Bytes(_bytes)} in {Words.Duration(took)}{speed}"));
        }
    }

    private void Say(string line)
    {
        Erase();
        host.Messages.WriteLine(line);
    }

    private void Erase()
    {
        if (_hasLine)
        {
            host.Progress.Write(new ControlCode("\u001b[1A\r\u001b[0J"));
            _hasLine = false;
        }
    }
}
