using System.Text.Json.Nodes;
using Lorikeet.Tensors;

namespace Lorikeet.Cli.Bench;

/// <summary>The figures of <c>bench train</c>. Medians leave the first step out, where code is still being compiled and memory taken.</summary>
internal sealed class TrainBenchReport(TrainBenchOptions options, IReadOnlyList<MeasuredStep> steps, MachinePeak peak)
{
    private const double MiB = 1 << 20;
    private readonly MeasuredStep[] _counted = [.. steps.Skip(steps.Count > 1 ? 1 : 0)];

    /// <summary>Seconds to load model and processor.</summary>
    public required double LoadSeconds { get; init; }

    /// <summary>Trained values.</summary>
    public required long Trainable { get; init; }

    /// <summary>Peak of the process.</summary>
    public required long PeakBytes { get; init; }

    /// <summary>What computed.</summary>
    public required string Device { get; init; }

    /// <summary>The most bytes of a GPU's memory at one time, scratch of kernels included; null on the processor.</summary>
    public required long? DevicePeakBytes { get; init; }

    /// <summary>Whether the parts of the steps were timed.</summary>
    public required bool HasPhases { get; init; }

    /// <summary>Memory by use.</summary>
    public required MemoryAccount Account { get; init; }

    /// <summary>One flat object.</summary>
    public JsonObject ToJson()
    {
        double seconds = MedianOf(s => s.Seconds), flops = MedianOf(s => s.Flops);
        return new JsonObject
        {
            ["step_s"] = Round(seconds, 4),
            ["tokens_per_s"] = Round(MedianOf(s => s.Tokens) / seconds, 1),
            ["tokens"] = steps[^1].Tokens,
            ["peak_rss_mib"] = Round(PeakBytes / MiB, 0),
            ["load_s"] = Round(LoadSeconds, 3),
            ["trainable"] = Trainable,
            ["losses"] = new JsonArray([.. steps.Select(s => (JsonNode)s.Loss)]),
            ["phases"] = HasPhases ? Phases() : null,
            ["flops"] = flops,
            ["flops_utilization"] = Round(MedianOf(s => s.Flops / s.Seconds) / (peak.Gflops * 1e9), 4),
            ["flops_utilization_paired"] = Round(MedianOf(s => s.Flops / s.Seconds / (s.PeakGflops * 1e9)), 4),
            ["peak_gflops"] = Round(peak.Gflops, 1),
            ["peak_gemm_gflops"] = Round(peak.ProductGflops, 1),
            ["processor_s"] = Round(MedianOf(s => s.ProcessorSeconds), 4),
            ["steps_s"] = new JsonArray([.. steps.Select(s => (JsonNode)Round(s.Seconds, 4))]),
            ["memory_mib"] = new JsonObject([.. Enum.GetValues<MemoryUse>().Select(use =>
                KeyValuePair.Create(use.ToString().ToLowerInvariant(), (JsonNode?)Round(Account.AtPeakOf(use) / MiB, 1)))]),
            ["compute"] = options.Compute == Compute.BF16 ? "bf16" : "f32",
            ["device"] = Device,
            ["peak_device_mib"] = DevicePeakBytes is { } bytes ? Round(bytes / MiB, 1) : null,
        };
    }

    private JsonObject Phases() => new()
    {
        ["data"] = Phase(p => p.Data),
        ["vision_forward"] = Phase(p => p.Vision),
        ["text_forward"] = Phase(p => p.Text),
        ["backward"] = Phase(p => p.Backward),
        ["optimizer"] = Phase(p => p.Optimizer),
    };

    private double Phase(Func<StepPhases, double> part) => Round(MedianOf(s => part(s.Phases)), 4);

    private double MedianOf(Func<MeasuredStep, double> value) => Median.Of(_counted.Select(value));

    private static double Round(double x, int digits) => Math.Round(x, digits);
}

/// <summary>The middle value.</summary>
internal static class Median
{
    /// <summary>Of an even number of values the mean of the middle two.</summary>
    public static double Of(IEnumerable<double> values)
    {
        double[] sorted = [.. values.Order()];
        int middle = sorted.Length / 2;
        return sorted.Length % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
    }
}
