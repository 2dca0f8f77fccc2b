using System.Diagnostics;
using System.Globalization;

namespace Lorikeet.Cli.Bench;

/// <summary>The most memory this process held at one time, files mapped into it included. What is measured in between can be left out.</summary>
internal sealed class ResidentMemory
{
    private const string Status = "/proc/self/status", ClearRefs = "/proc/self/clear_refs";
    private long _peak;

    /// <summary>The peak in bytes of everything but what was forgotten.</summary>
    public long PeakBytes
    {
        get
        {
            _peak = Math.Max(_peak, Now());
            return _peak;
        }
    }

    /// <summary>Runs something whose memory doesn't count.</summary>
    public void Exclude(Action body)
    {
        _ = PeakBytes;
        body();
        try
        {
            // "5" makes the kernel begin the peak anew from what is resident now.
            File.WriteAllText(ClearRefs, "5");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // Then the peak includes the measurement's 32 MiB, which is the careful side.
        }
    }

    private static long Now()
    {
        if (!File.Exists(Status))
        {
            using var self = Process.GetCurrentProcess();
            return self.PeakWorkingSet64;
        }

        string line = File.ReadLines(Status).First(l => l.StartsWith("VmHWM:", StringComparison.Ordinal));
        return long.Parse(line.Split(' ', '\t', StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture) * 1024;
    }
}
