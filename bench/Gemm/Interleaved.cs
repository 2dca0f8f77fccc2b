using System.Diagnostics;
using System.Runtime.InteropServices;

namespace Lorikeet.Bench.Gemm;

/// <summary>
/// Runs contenders in turn, A B C A B C ..., so that a slow phase of the machine meets all of them, and reports medians:
/// of each one's time, and of the ratio to another within the same round. With one thread the time is that thread's CPU
/// time, so that other processes only disturb through caches and memory; with more it is the clock on the wall.
/// </summary>
internal sealed partial class Interleaved(bool cpuTime)
{
    private const int ThreadCpuTime = 3;

    private readonly List<(string Name, Action Run, int Repeats, List<double> Seconds)> _contenders = [];

    /// <summary>Adds a contender; it is warmed up here.</summary>
    public void Add(string name, Action run)
    {
        for (int i = 0; i < 3; i++)
        {
            run();
        }

        double start = Now();
        run();
        double once = Now() - start;
        _contenders.Add((name, run, (int)Math.Clamp(0.004 / once, 1, 10000), []));
    }

    /// <summary>Runs all contenders once per round.</summary>
    public void Run(int rounds)
    {
        for (int r = 0; r < rounds; r++)
        {
            foreach ((_, Action run, int repeats, List<double> seconds) in _contenders)
            {
                if (!cpuTime)
                {
                    // OpenMP's threads spin for some milliseconds after their work and would take a core from the next contender.
                    Thread.Sleep(10);
                }

                run();
                double start = Now();
                for (int i = 0; i < repeats; i++)
                {
                    run();
                }

                seconds.Add((Now() - start) / repeats);
            }
        }
    }

    /// <summary>Median seconds per call.</summary>
    public double Seconds(string name) => Median(Find(name));

    /// <summary>Median over rounds of the speed of <paramref name="name"/> relative to the fastest of the others in that round.</summary>
    public double Ratio(string name, params string[] others)
    {
        List<double> mine = Find(name);
        List<double>[] theirs = [.. others.Select(Find)];
        return Median([.. Enumerable.Range(0, mine.Count).Select(i => theirs.Min(t => t[i]) / mine[i])]);
    }

    private double Now()
    {
        if (cpuTime && OperatingSystem.IsLinux() && ClockGetTime(ThreadCpuTime, out Timespec time) == 0)
        {
            return time.Seconds + time.Nanoseconds * 1e-9;
        }

        return Stopwatch.GetTimestamp() / (double)Stopwatch.Frequency;
    }

    private readonly record struct Timespec(long Seconds, long Nanoseconds);

    [LibraryImport("libc", EntryPoint = "clock_gettime")]
    private static partial int ClockGetTime(int clock, out Timespec time);

    private List<double> Find(string name) => _contenders.Single(c => c.Name == name).Seconds;

    private static double Median(List<double> values)
    {
        var sorted = values.Order().ToList();
        return sorted[sorted.Count / 2];
    }
}
