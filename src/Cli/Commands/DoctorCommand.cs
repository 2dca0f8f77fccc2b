using System.CommandLine;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using Lorikeet.Cli.Doctor;
using Lorikeet.Cli.Interop;
using Lorikeet.Cli.Terminal;
using Lorikeet.Data.Sources;
using Lorikeet.Imaging.Video;
using Lorikeet.Tensors.Cpu;

namespace Lorikeet.Cli.Commands;

/// <summary>doctor: what this machine has, how fast it is, and what is missing.</summary>
internal static class DoctorCommand
{
    private static readonly JsonSerializerOptions Readable = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>The verb.</summary>
    public static Verb Create(CliHost host)
    {
        var command = new Command("doctor", "Look at this machine: instruction sets, measured peak, libraries found and missing, GPU. The last line is JSON");
        command.SetAction(_ => Run(host));
        return new Verb(command);
    }

    private static int Run(CliHost host)
    {
        var json = new JsonObject { ["lorikeet"] = ExitCodes.Version, ["dotnet"] = RuntimeInformation.FrameworkDescription };
        AboutMachine(host, json);
        AboutProducts(host, json);
        bool isComplete = AboutVips(host, json);
        AboutDuckDb(host, json);
        AboutFfmpeg(host, json);
        json["cuda"] = new GpuReport(host).Tell((what, text) => Line(host, what, text));
        json["complete"] = isComplete;
        host.Result.WriteLine(json.ToJsonString(Readable));
        return isComplete ? ExitCodes.Done : ExitCodes.Input;
    }

    private static void AboutMachine(CliHost host, JsonObject json)
    {
        string system = Machine.OperatingSystemName(), processor = Machine.ProcessorName();
        var sets = Machine.InstructionSets();
        var (usable, free) = Machine.Memory();
        Line(host, "lorikeet", $"{ExitCodes.Version} on {RuntimeInformation.FrameworkDescription}");
        Line(host, "system", system);
        Line(host, "processor", string.Create(CultureInfo.InvariantCulture, $"{processor}, {Environment.ProcessorCount} threads"));
        Line(host, "instruction sets", string.Join(' ', sets));
        Line(host, "memory", Words.Bytes(usable) + (free is { } bytes ? $", {Words.Bytes(bytes)} of it free" : ""));
        json["system"] = system;
        json["processor"] = processor;
        json["threads"] = Environment.ProcessorCount;
        json["instruction_sets"] = new JsonArray([.. sets.Select(set => (JsonNode)set)]);
        json["memory_bytes"] = usable;
        json["memory_free_bytes"] = free;
    }

    private static void AboutProducts(CliHost host, JsonObject json)
    {
        using var pool = new WorkPool(Environment.ProcessorCount);
        using var engine = new GemmEngine(pool);
        Line(host, "matrix products", $"{engine.Path}" + (engine.Bf16Fallback is { } why ? $"; bfloat16 at the speed of float32: {why}" : ", bfloat16 by the processor's own instruction"));
        json["gemm_path"] = engine.Path.ToString();
        json["bf16_fallback"] = engine.Bf16Fallback;
        json["peak"] = new JsonObject
        {
            ["f32_gflops"] = Measured(host, "peak float32", engine, bf16: false, out double f32),
            ["f32_product_gflops"] = f32,
            ["bf16_gflops"] = Measured(host, "peak bfloat16", engine, bf16: true, out double bf16),
            ["bf16_product_gflops"] = bf16,
            ["read_gb_per_s"] = Read(host, pool),
        };
    }

    // Both on all threads: what multiply-adds on registers reach, and what a product of two 2048 x 2048 matrices makes of it.
    private static double Measured(CliHost host, string what, GemmEngine engine, bool bf16, out double product)
    {
        product = Math.Round(ProductProbe.Gflops(engine, bf16), 1);
        double peak = Math.Round(PeakProbe.ComputeGflops(engine, bf16), 1);
        Line(host, what, string.Create(CultureInfo.InvariantCulture, $"{peak:0} GFLOP/s on registers, {product:0} in a product of 2048 x 2048 matrices"));
        return peak;
    }

    private static double Read(CliHost host, WorkPool pool)
    {
        double rate = Math.Round(PeakProbe.ReadGigabytesPerSecond(pool), 1);
        Line(host, "memory read", string.Create(CultureInfo.InvariantCulture, $"{rate:0.0} GB/s"));
        return rate;
    }

    private static bool AboutVips(CliHost host, JsonObject json)
    {
        var vips = NativeProbe.Vips();
        bool isUsable = vips is { Found: true, Problem: null };
        Line(host, "libvips", isUsable ? $"{vips.Version} (decodes pictures)"
            : $"{vips.Problem ?? "missing"}: pictures cannot be decoded; install it: apt-get install libvips42 (Debian 12, Ubuntu 22.04) or libvips42t64 (later ones)");
        json["libvips"] = new JsonObject { ["found"] = vips.Found, ["version"] = vips.Version };
        return isUsable;
    }

    // Optional: a machine without it is complete.
    private static void AboutDuckDb(CliHost host, JsonObject json)
    {
        var (version, problem) = ParquetLibrary.Find();
        Line(host, "libduckdb", version is null ? $"cannot be used (optional): {problem}" : $"{version} (reads Parquet files)");
        json["libduckdb"] = new JsonObject { ["found"] = version is not null, ["version"] = version };
    }

    // Optional likewise.
    private static void AboutFfmpeg(CliHost host, JsonObject json)
    {
        var (version, problem) = VideoPrograms.Find();
        Line(host, "ffmpeg", version is null ? $"cannot be used (optional): {problem}" : $"{version} (reads videos)");
        json["ffmpeg"] = new JsonObject { ["found"] = version is not null, ["version"] = version };
    }

    private static void Line(CliHost host, string what, string text) => host.Result.WriteLine($"{what,-18}{text}");
}
