using System.Diagnostics;
using System.Globalization;
using Lorikeet.Bench.Kernels;
using Lorikeet.Tensors;
using Lorikeet.Tensors.Cpu;

// Times every kernel except the matrix products, at sizes of a 256M vision-language model:
// dotnet run -c Release --project bench/Kernels -- [threads] [name part]
int threads = args.Length > 0 ? int.Parse(args[0], CultureInfo.InvariantCulture) : 0;
string filter = args.Length > 1 ? args[1] : "";

using var device = new CpuDevice(new CpuOptions { Threads = threads });
using var arena = new Arena(device);
using var scope = new StepScope(device, arena, record: false);
Console.WriteLine($"{device.Pool.Threads} threads");
Console.WriteLine("| kernel | size | us | GB/s | of memcpy |");
Console.WriteLine("|---|---|---|---|---|");
double copyInCache = Measure.CopyBandwidth(scope, 300 * 576), copyInMemory = Measure.CopyBandwidth(scope, 64 << 20);
Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"| Copy | 300x576 | | {copyInCache:f1} | |"));
Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"| Copy | 64M | | {copyInMemory:f1} | |"));
foreach (KernelBench bench in Benches.All(scope))
{
    if (!bench.Name.Contains(filter, StringComparison.OrdinalIgnoreCase))
    {
        continue;
    }

    double seconds = Measure.Best(bench.Run);
    double rate = bench.Bytes / seconds / 1e9, copy = bench.Bytes > 16 << 20 ? copyInMemory : copyInCache;
    Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"| {bench.Name} | {bench.Size} | {seconds * 1e6:f1} | {rate:f1} | {rate / copy:p0} |"));
}

namespace Lorikeet.Bench.Kernels
{
    /// <summary>Timing of short calls.</summary>
    internal static class Measure
    {
        /// <summary>Seconds of the fastest of many calls, in runs of at least two milliseconds.</summary>
        public static double Best(Action run)
        {
            long started = Stopwatch.GetTimestamp();
            int warm = 0;
            while (warm < 3 || Stopwatch.GetElapsedTime(started).TotalMilliseconds < 50)
            {
                run();
                warm++;
            }

            int inner = Math.Max(1, (int)(0.002 / (Stopwatch.GetElapsedTime(started).TotalSeconds / warm)));
            double best = double.MaxValue;
            for (int i = 0; i < 60; i++)
            {
                long start = Stopwatch.GetTimestamp();
                for (int k = 0; k < inner; k++)
                {
                    run();
                }

                best = Math.Min(best, Stopwatch.GetElapsedTime(start).TotalSeconds / inner);
            }

            return best;
        }

        /// <summary>Bytes read and written per second by the copy kernel, in GB/s.</summary>
        public static double CopyBandwidth(StepScope scope, int n)
        {
            Tensor x = scope.Zeros(new Shape(n)), y = scope.Zeros(new Shape(n));
            return 8.0 * n / Best(() => scope.Kernels.Copy(x, y)) / 1e9;
        }
    }
}
