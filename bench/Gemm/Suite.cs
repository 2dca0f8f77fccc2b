using Lorikeet.Tensors;
using Lorikeet.Tensors.Cpu;

namespace Lorikeet.Bench.Gemm;

/// <summary>The tables of docs/performance.md, section GEMM.</summary>
internal sealed class Suite(GemmEngine engine, int rounds, string filter)
{
    private const string Ours32 = "f32", Ours16 = "bf16", Mixed = "f32 x bf16", OursW16 = "f32, bf16 weights";
    private const string Dnn32 = "dnnl f32", DnnGemm = "dnnl gemm", DnnMatmul = "dnnl matmul", Read = "read";

    private static readonly (string Layout, int M, int K, int N, string Use)[] Shapes =
    [
        ("NT", 512, 576, 1536, "design"), ("NT", 512, 1536, 576, "design"), ("NT", 1024, 960, 2560, "design"), ("NT", 1024, 1536, 8960, "design"),
        ("NT", 2048, 2048, 2048, "design"), ("NN", 2048, 2048, 2048, "design"), ("TN", 2048, 2048, 2048, "design"),
        ("NT", 300, 576, 1536, "256M gate/up"), ("NT", 300, 1536, 576, "256M down"), ("NN", 300, 1536, 576, "256M dX of gate/up"),
        ("NT", 1024, 768, 3072, "256M vision fc1"), ("NT", 1024, 3072, 768, "256M vision fc2"), ("NT", 2048, 768, 768, "256M vision q/k/v/o"), ("NT", 300, 576, 192, "256M k/v"),
        ("NT", 1024, 1152, 4304, "so400m fc1"), ("NT", 1024, 4304, 1152, "so400m fc2"), ("NT", 729, 588, 1152, "patch 14"),
        ("NT", 729, 72, 729, "head 72 scores"), ("NN", 729, 729, 72, "head 72 values"),
    ];

    private static readonly (int M, int K, int N, string Use)[] DecodeShapes =
    [
        (1, 576, 49280, "256M LM head"), (1, 4096, 32768, "beyond L3"), (1, 4100, 32768, "beyond L3, K tail"), (1, 576, 1536, "256M gate/up"), (1, 1536, 576, "256M down"),
        (2, 576, 49280, ""), (4, 576, 49280, ""), (8, 576, 49280, ""), (16, 576, 49280, ""), (16, 4096, 4096, ""), (16, 576, 1536, ""),
    ];

    private static readonly (string Layout, int M, int K, int N, string Use)[] LoraShapes =
    [
        ("NT", 2048, 576, 8, "u = x A^T"), ("NT", 2048, 576, 16, "u = x A^T"), ("NT", 2048, 576, 64, "u = x A^T"), ("NT", 2048, 8, 576, "y = u B^T"), ("NT", 2048, 16, 1536, "y = u B^T"),
        ("TN", 8, 2048, 576, "dA = du^T x"), ("TN", 16, 2048, 1536, "dA = du^T x"), ("TN", 1536, 2048, 16, "dB = dy^T u"), ("NN", 2048, 1536, 16, "du = dy B"), ("NN", 2048, 16, 576, "dx = du A"),
        ("NT", 1, 16, 1536, "decode u B^T"), ("NT", 1, 576, 16, "decode x A^T"),
    ];

    public void Probe() => Console.WriteLine(
        $"probe: f32 {PeakProbe.ComputeGflops(engine, false):F0} GFLOP/s, bf16 {PeakProbe.ComputeGflops(engine, true):F0} GFLOP/s, read {PeakProbe.ReadGigabytesPerSecond(engine.Pool):F1} GB/s");

    public void Table()
    {
        Console.WriteLine();
        Console.WriteLine("| use | layout M x K x N | f32 | dnnl_sgemm | ratio | bf16 | f32 x bf16 in bf16 | oneDNN bf16 (gemm / matmul) | ratio |");
        Console.WriteLine("|---|---|---|---|---|---|---|---|---|");
        foreach ((string layout, int m, int k, int n, string use) in Shapes.Where(s => $"{s.Layout} {s.M}x{s.K}x{s.N}".Contains(filter, StringComparison.Ordinal)))
        {
            using var c = new Case(layout, m, k, n);
            Interleaved run = Measure(c, DType.F32);
            string F(string name) => $"{c.Gflop / run.Seconds(name):F0}";
            Console.WriteLine(
                $"| {use} | {layout} {m}x{k}x{n} | {F(Ours32)} | {F(Dnn32)} | {run.Ratio(Ours32, Dnn32):F2} | {F(Ours16)} | {F(Mixed)} | {F(DnnGemm)} / {F(DnnMatmul)} | {run.Ratio(Ours16, DnnGemm, DnnMatmul):F2} |");
        }
    }

    public void Decode()
    {
        using var probe = new ReadProbe(256L << 20);
        Console.WriteLine();
        Console.WriteLine("| use | M x K x N | weights f32, us (GB/s) | dnnl_sgemm, us | weights bf16, us (GB/s) | read probe, GB/s | of it | weights bf16, bf16 compute, us | oneDNN bf16, us (best of gemm, matmul) |");
        Console.WriteLine("|---|---|---|---|---|---|---|---|---|");
        foreach ((int m, int k, int n, string use) in DecodeShapes.Where(s => $"{s.M}x{s.K}x{s.N}".Contains(filter, StringComparison.Ordinal)))
        {
            using var c = new Case("NT", m, k, n);
            Interleaved run = Measure(c, DType.BF16, () => probe.Pass(engine.Pool));
            double read = probe.Bytes / run.Seconds(Read) * 1e-9;
            string Us(string name) => $"{run.Seconds(name) * 1e6:F1}";
            double gbs = 2e-9 * k * n / run.Seconds(OursW16);
            Console.WriteLine(
                $"| {use} | {m}x{k}x{n} | {Us(Ours32)} ({4e-9 * k * n / run.Seconds(Ours32):F1}) | {Us(Dnn32)} | {Us(OursW16)} ({gbs:F1}) | {read:F1} | {gbs / read:P0} | {Us(Mixed)} | {Math.Min(run.Seconds(DnnGemm), run.Seconds(DnnMatmul)) * 1e6:F1} |");
        }
    }

    public void Lora()
    {
        Console.WriteLine();
        Console.WriteLine("| use | layout M x K x N | f32, us | dnnl_sgemm, us | ratio | f32 in bf16, us | oneDNN bf16, us (best) | ratio |");
        Console.WriteLine("|---|---|---|---|---|---|---|---|");
        foreach ((string layout, int m, int k, int n, string use) in LoraShapes.Where(s => $"{s.Layout} {s.M}x{s.K}x{s.N}".Contains(filter, StringComparison.Ordinal)))
        {
            using var c = new Case(layout, m, k, n);
            Interleaved run = Measure(c, DType.F32);
            string Us(string name) => $"{run.Seconds(name) * 1e6:F1}";
            Console.WriteLine(
                $"| {use} | {layout} {m}x{k}x{n} | {Us(Ours32)} | {Us(Dnn32)} | {run.Ratio(Ours32, Dnn32):F2} | {Us(Ours16 + "w")} | {Math.Min(run.Seconds(DnnGemm), run.Seconds(DnnMatmul)) * 1e6:F1} | {run.Ratio(Ours16 + "w", DnnGemm, DnnMatmul):F2} |");
        }
    }

    public void Small()
    {
        Console.WriteLine();
        Console.WriteLine("| small, NT M x K x N | f32, us | dnnl_sgemm, us | bf16, us | at 100 / 200 GFLOP/s, us |");
        Console.WriteLine("|---|---|---|---|---|");
        foreach ((int m, int k, int n) in new[] { (1, 8, 8), (4, 16, 16), (16, 16, 16), (8, 32, 64), (32, 32, 32), (64, 64, 64), (20, 64, 128) })
        {
            using var c = new Case("NT", m, k, n);
            Interleaved run = Measure(c, DType.F32);
            Console.WriteLine(
                $"| {m}x{k}x{n} | {run.Seconds(Ours32) * 1e6:F2} | {run.Seconds(Dnn32) * 1e6:F2} | {run.Seconds(Ours16) * 1e6:F2} | {c.Gflop / 100 * 1e6:F2} / {c.Gflop / 200 * 1e6:F2} |");
        }
    }

    /// <summary>All contenders on one case; where oneDNN is missing its columns repeat ours.</summary>
    private Interleaved Measure(Case c, DType mixedA, Action? read = null)
    {
        var run = new Interleaved(cpuTime: engine.Pool.Threads == 1);
        bool dnn = OneDnn.Version != null;
        Action f32 = c.Ours(engine, DType.F32, DType.F32, false);
        Action bf16 = c.Ours(engine, DType.BF16, DType.BF16, true);
        run.Add(Ours32, f32);
        run.Add(Dnn32, dnn ? c.OneDnnF32() : f32);
        run.Add(Ours16, bf16);
        run.Add(DnnGemm, dnn ? c.OneDnnBf16Gemm() : bf16);
        run.Add(Mixed, c.Ours(engine, DType.F32, DType.BF16, true));
        run.Add(DnnMatmul, dnn ? c.OneDnnBf16Matmul() : bf16);
        run.Add(mixedA == DType.F32 ? Ours16 + "w" : OursW16, mixedA == DType.F32 ? c.Ours(engine, DType.F32, DType.F32, true) : c.Ours(engine, DType.F32, DType.BF16, false));
        if (read != null)
        {
            run.Add(Read, read);
        }

        run.Run(rounds);
        return run;
    }
}
