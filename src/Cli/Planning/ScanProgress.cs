using System.Globalization;
using Lorikeet.Cli.Terminal;

namespace Lorikeet.Cli.Planning;

/// <summary>Tells how far the look at the data has come, every few seconds, with the time left.</summary>
internal sealed class ScanProgress : IDisposable
{
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(3);
    private readonly CliHost _host;
    private readonly long _began;
    private TimeSpan _told;

    public ScanProgress(CliHost host)
    {
        _host = host;
        _began = host.Clock.GetTimestamp();
    }

    /// <summary>So many of so many rows are done.</summary>
    public void Report(long done, long total)
    {
        TimeSpan elapsed = _host.Clock.GetElapsedTime(_began);
        if (elapsed - _told >= Pause && done < total)
        {
            _told = elapsed;
            TimeSpan left = elapsed * ((double)(total - done) / done);
            _host.Messages.WriteLine(string.Create(CultureInfo.InvariantCulture, $"looking at the data: {Words.Count(done)} of {Words.Count(total)} rows, {Words.Duration(left)} left"));
        }
    }

    public void Dispose()
    {
        TimeSpan elapsed = _host.Clock.GetElapsedTime(_began);
        if (_told > TimeSpan.Zero)
        {
            _host.Messages.WriteLine($"looked at the data in {Words.Duration(elapsed)}");
        }
    }
}
