using System.Diagnostics;
using System.Runtime.InteropServices;

namespace Lorikeet.Bench.Attention;

/// <summary>
/// Seconds: with one thread its CPU time, so that other processes disturb only through caches and memory; else the clock on the wall.
/// </summary>
internal sealed partial class Clock(int threads)
{
    private const int ThreadCpuTime = 3;

    public double Now()
    {
        if (threads == 1 && OperatingSystem.IsLinux() && ClockGetTime(ThreadCpuTime, out Timespec time) == 0)
        {
            return time.Seconds + (time.Nanoseconds * 1e-9);
        }

        return Stopwatch.GetTimestamp() / (double)Stopwatch.Frequency;
    }

    private readonly record struct Timespec(long Seconds, long Nanoseconds);

    [LibraryImport("libc", EntryPoint = "clock_gettime")]
    private static partial int ClockGetTime(int clock, out Timespec time);
}
