using System.Diagnostics;
using System.Text.Json.Nodes;
using Lorikeet.Generation;
using Lorikeet.Models;
using Lorikeet.Tensors;
using Lorikeet.Training.Config;
using Lorikeet.Training.Planning;

namespace Lorikeet.Cli.Bench;

/// <summary>What <c>bench generate</c> measures.</summary>
internal sealed record GenerateBenchOptions(string Model)
{
    /// <summary>Tokens of each prompt.</summary>
    public int PromptTokens { get; init; } = 512;

    /// <summary>Tokens generated for each prompt.</summary>
    public int NewTokens { get; init; } = 64;

    /// <summary>Prompts answered at the same time.</summary>
    public int Batch { get; init; } = 1;

    /// <summary>Times that the whole is repeated, after one that isn't counted.</summary>
    public int Runs { get; init; } = 3;

    /// <summary>Arithmetic of matrix products.</summary>
    public Compute Compute { get; init; } = Compute.BF16;

    /// <summary>What computes.</summary>
    public DeviceChoice Device { get; init; } = DeviceChoice.Auto;

    /// <summary>Threads; 0 means all.</summary>
    public int Threads { get; init; }
}

/// <summary>
/// Reading a prompt of text, and writing token after token, timed. Writing waits for memory: every token reads all matrices of the
/// text model and the keys and values of all tokens before it, which is compared with how fast memory can be read.
/// </summary>
internal sealed class GenerateBench(CliHost host, GenerateBenchOptions options)
{
    private const double MiB = 1 << 20;
    private readonly List<double> _prefill = [], _decode = [], _bandwidth = [];
    private readonly ResidentMemory _memory = new();
    private double _cacheBytesPerToken;

    /// <summary>Runs prompts.</summary>
    /// <returns>What was measured; null if interrupted before the end.</returns>
    public JsonObject? Run()
    {
        using var session = new ComputeSession(host, options.Device, options.Compute, options.Threads == 0 ? null : options.Threads);
        ModelDirectory directory = ModelOpener.Directory(host, options.Model);
        long began = Stopwatch.GetTimestamp();
        using LoadedModel loaded = ModelCatalog.Load(directory, session.Parameters);
        double loadSeconds = Stopwatch.GetElapsedTime(began).TotalSeconds;
        ModelInput prompts = Prompts(loaded.Model);
        var peak = new MachinePeak(session);
        for (int run = 0; run <= options.Runs; run++)
        {
            if (!Answer(session, loaded.Model, prompts, isCounted: run > 0))
            {
                return null;
            }

            _memory.Exclude(() => Measure(peak));
            host.Messages.WriteLine($"run {run} of {options.Runs}{(run == 0 ? " (not counted)" : "")}");
        }

        JsonObject report = Report(loaded.Model, prompts, peak, loadSeconds);
        report["device"] = session.Device.Name;
        report["peak_device_mib"] = session.Gpu is { } gpu ? Math.Round((session.Arena.Account.Peak + gpu.ScratchBytes) / MiB, 1) : null;
        return report;
    }

    private ModelInput Prompts(VisionLanguageModel model)
    {
        // Any text does; low ids are special tokens of most models.
        int first = Math.Min(100, model.VocabularySize / 2), count = options.Batch * options.PromptTokens;
        int[] ids = [.. Enumerable.Range(0, count).Select(i => first + (int)(Rng.Key(1, (ulong)i) % (ulong)(model.VocabularySize - first)))];
        int[] labels = [.. Enumerable.Repeat(TokenBatch.Ignored, count)];
        return new ModelInput(new TokenBatch(ids, labels, [.. Enumerable.Repeat(options.PromptTokens, options.Batch)], []), null);
    }

    private bool Answer(ComputeSession session, VisionLanguageModel model, ModelInput prompts, bool isCounted)
    {
        int capacity = options.PromptTokens + options.NewTokens;
        long before = session.Arena.Account.Live;
        using var decoding = new DecodeSession(model, session.Parameters, options.Compute, options.Batch, capacity);
        _cacheBytesPerToken = (session.Arena.Account.Live - before) / ((double)options.Batch * capacity);
        long began = Stopwatch.GetTimestamp();
        float[][] logits = decoding.Prefill(prompts, host.Stop.Token);
        double prefill = Stopwatch.GetElapsedTime(began).TotalSeconds;
        var steps = new List<double>();
        for (int i = 1; i < options.NewTokens; i++)
        {
            if (host.Stop.Token.IsCancellationRequested)
            {
                return false;
            }

            began = Stopwatch.GetTimestamp();
            logits = decoding.Step([.. logits.Select(Best)], host.Stop.Token);
            steps.Add(Stopwatch.GetElapsedTime(began).TotalSeconds);
        }

        if (isCounted)
        {
            _prefill.Add(prefill);
            _decode.AddRange(steps);
        }

        return true;
    }

    private static int Best(float[] logits) => Array.IndexOf(logits, logits.Max());

    private void Measure(MachinePeak peak)
    {
        peak.Measure();
        _bandwidth.Add(peak.ReadGigabytesPerSecond());
    }

    private JsonObject Report(VisionLanguageModel model, ModelInput prompts, MachinePeak peak, double loadSeconds)
    {
        double prefill = Median.Of(_prefill), decode = _decode.Count == 0 ? double.NaN : Median.Of(_decode), bandwidth = _bandwidth.Max();
        double flops = StepFlops.OfPrefill(model, prompts), bytes = BytesPerStep(model);
        JsonNode? Figure(double x, int digits) => double.IsFinite(x) ? Math.Round(x, digits) : null;
        return new JsonObject
        {
            ["prefill_s"] = Figure(prefill, 4),
            ["prefill_tokens_per_s"] = Figure(prompts.Tokens.Count / prefill, 1),
            ["prefill_flops"] = flops,
            ["prefill_flops_utilization"] = Figure(flops / prefill / (peak.Gflops * 1e9), 4),
            ["decode_step_s"] = Figure(decode, 5),
            ["decode_tokens_per_s"] = Figure(options.Batch / decode, 1),
            ["bytes_per_token"] = Math.Round(bytes / options.Batch),
            ["bandwidth_gb_per_s"] = Figure(bandwidth, 1),
            ["bandwidth_utilization"] = Figure(bytes / decode / (bandwidth * 1e9), 4),
            ["peak_gflops"] = Figure(peak.Gflops, 1),
            ["peak_rss_mib"] = Figure(_memory.PeakBytes / MiB, 0),
            ["load_s"] = Figure(loadSeconds, 3),
            ["prompt_tokens"] = options.PromptTokens,
            ["new_tokens"] = options.NewTokens,
            ["batch"] = options.Batch,
            ["compute"] = options.Compute == Compute.BF16 ? "bf16" : "f32",
        };
    }

    /// <summary>Bytes that a step must read: text matrices and head once, and each sequence's keys and values at half of the answer.</summary>
    private double BytesPerStep(VisionLanguageModel model)
    {
        double weights = model.Parts.Linears.Where(l => model.TowerOf(l.Path) == Tower.Language).Sum(l => (double)l.Weight.Bytes);
        double head = model.LmHead.Weight.Bytes;
        return weights + head + (options.Batch * _cacheBytesPerToken * (options.PromptTokens + (options.NewTokens / 2.0)));
    }
}
