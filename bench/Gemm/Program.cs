using System.Globalization;
using Lorikeet.Bench.Gemm;
using Lorikeet.Tensors.Cpu;

// Usage: Lorikeet.Bench.Gemm [table|decode|lora|small|probe|all] [rounds] [filter] [threads, 0: one and two] [path]
CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;
string what = args.Length > 0 ? args[0] : "all";
int rounds = args.Length > 1 ? int.Parse(args[1], CultureInfo.InvariantCulture) : 15;
string filter = args.Length > 2 ? args[2] : "";
Console.WriteLine($"oneDNN {OneDnn.Version ?? "not installed (libdnnl2): only our own figures"}; {Environment.ProcessorCount} CPUs; interleaved medians of {rounds} rounds");
int only = args.Length > 3 ? int.Parse(args[3], CultureInfo.InvariantCulture) : 0;
for (int threads = Math.Max(1, only); threads <= (only > 0 ? only : Math.Min(2, Environment.ProcessorCount)); threads++)
{
    if (OneDnn.Version != null)
    {
        OneDnn.SetThreads(threads);
    }

    using var pool = new WorkPool(threads);
    using var engine = new GemmEngine(pool, args.Length > 4 ? Enum.Parse<GemmPath>(args[4]) : GemmPath.Auto);
    var suite = new Suite(engine, rounds, filter);
    Console.WriteLine();
    Console.WriteLine($"### {threads} thread{(threads > 1 ? "s" : "")}, path {engine.Path}");
    suite.Probe();
    if (what is "table" or "all")
    {
        suite.Table();
    }

    if (what is "decode" or "all")
    {
        suite.Decode();
    }

    if (what is "lora" or "all")
    {
        suite.Lora();
    }

    if (what is "small" or "all")
    {
        suite.Small();
    }
}
