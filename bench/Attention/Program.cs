using System.Globalization;
using Lorikeet.Bench.Attention;
using Lorikeet.Tensors;
using Lorikeet.Tensors.Cpu;

// Usage: Lorikeet.Bench.Attention [filter] [rounds] [threads] [path] [pass]
// Each round measures every figure once; a line gives the median time and the median share of the f32 peak of its round.
CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;
string filter = args.Length > 0 ? args[0] : "";
int rounds = args.Length > 1 ? int.Parse(args[1], CultureInfo.InvariantCulture) : 15;
int threads = args.Length > 2 ? int.Parse(args[2], CultureInfo.InvariantCulture) : Environment.ProcessorCount;
GemmPath path = args.Length > 3 ? Enum.Parse<GemmPath>(args[3], ignoreCase: true) : GemmPath.Auto;
string only = args.Length > 4 ? args[4] : "";

var clock = new Clock(threads);
using var pool = new WorkPool(threads);
using var engine = new FlashAttention(pool, path);
var peak = new FmaPeak(pool, clock);
AttentionSegment[] packed = [.. Enumerable.Range(0, 5).Select(i => new AttentionSegment(i * 250, 250, i * 250, 250))];
(string Name, AttentionSegments Segments, int H, int K, int D)[] cases =
[
    ("vision 2 x 1024, H 12, D 64", AttentionSegments.Of([1024, 1024], false), 12, 12, 64),
    ("vision 2 x 729, H 16, D 72", AttentionSegments.Of([729, 729], false), 16, 16, 72),
    ("text 1250 causal, H 9, K 3, D 64", AttentionSegments.Of([1250], true), 9, 3, 64),
    ("text 5 x 250 causal, H 9, K 3, D 64", new AttentionSegments(packed, true), 9, 3, 64),
    ("text 4096 causal, H 9, K 3, D 64", AttentionSegments.Of([4096], true), 9, 3, 64),
    ("text 4096 window 1024, H 9, K 3, D 64", AttentionSegments.Of([4096], true).WithWindow(1024), 9, 3, 64),
    ("text 1250 causal, H 16, K 8, D 128", AttentionSegments.Of([1250], true), 16, 8, 128),
    ("decode 1 x 8192, H 9, K 3, D 64", new AttentionSegments([new(0, 1, 0, 8192)], true), 9, 3, 64),
    ("decode 8 x 1 x 2048, H 9, K 3, D 64", new AttentionSegments([.. Enumerable.Range(0, 8).Select(i => new AttentionSegment(i, 1, i * 2048, 2048))], true), 9, 3, 64),
    ("decode 4 x 8192, H 9, K 3, D 64", new AttentionSegments([new(0, 4, 0, 8192)], true), 9, 3, 64),
    ("decode 8 x 8192, H 9, K 3, D 64", new AttentionSegments([new(0, 8, 0, 8192)], true), 9, 3, 64),
    ("decode 16 x 8192, H 9, K 3, D 64", new AttentionSegments([new(0, 16, 0, 8192)], true), 9, 3, 64),
];
Console.WriteLine($"path {engine.Path}, {threads} threads, medians of {rounds} interleaved rounds");
Console.WriteLine("| shape | pass | ms | GFLOP/s | of the f32 peak | GB/s of K, V |");
Console.WriteLine("|---|---|---|---|---|---|");
foreach (var x in cases.Where(c => c.Name.Contains(filter, StringComparison.Ordinal)))
{
    Report(new AttentionCase(x.Name, x.Segments, x.H, x.K, x.D), decode: x.Name.StartsWith("decode", StringComparison.Ordinal));
}

Console.WriteLine($"f32 peak of the last case {peak.Last / 1e9:f0} GFLOP/s");

void Report(AttentionCase x, bool decode)
{
    (string Name, double Work, Action Run)[] passes =
    [
        ("forward f32", x.Forward, () => x.RunForward(engine, false, decode)),
        ("forward bf16", x.Forward, () => x.RunForward(engine, true, decode)),
        ("backward f32", x.Backward, () => x.RunBackward(engine, false)),
        ("backward bf16", x.Backward, () => x.RunBackward(engine, true)),
    ];
    passes = [.. passes.Take(decode ? 2 : 4).Where(p => p.Name.Contains(only, StringComparison.Ordinal))];
    int count = passes.Length;
    var seconds = new double[count][];
    var shares = new double[count][];
    for (int p = 0; p < count; p++)
    {
        (seconds[p], shares[p]) = (new double[rounds], new double[rounds]);
        passes[p].Run();
        passes[p].Run();
    }

    double[] read = new double[rounds];
    for (int r = 0; r < rounds; r++)
    {
        read[r] = decode ? x.Bytes / Time(() => x.Read(pool)) : 0;
        double peakRate = peak.Measure();
        for (int p = 0; p < count; p++)
        {
            seconds[p][r] = Time(passes[p].Run);
            shares[p][r] = passes[p].Work / seconds[p][r] / peakRate;
        }
    }

    for (int p = 0; p < count; p++)
    {
        double s = Median(seconds[p]);
        string bandwidth = decode ? string.Create(CultureInfo.InvariantCulture, $"{x.Bytes / s / 1e9:f1} of {Median(read) / 1e9:f1}") : "";
        Console.WriteLine($"| {x.Name} | {passes[p].Name} | {s * 1e3:f2} | {passes[p].Work / s / 1e9:f0} | {Median(shares[p]) * 100:f0} % | {bandwidth} |");
    }
}

double Time(Action run)
{
    double start = clock.Now();
    int times = 0;
    do
    {
        run();
        times++;
    }
    while (clock.Now() - start < 5e-3);
    return (clock.Now() - start) / times;
}

static double Median(double[] x)
{
    double[] sorted = [.. x.Order()];
    return sorted[sorted.Length / 2];
}
