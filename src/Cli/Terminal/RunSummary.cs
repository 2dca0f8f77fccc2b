using System.Globalization;
using Lorikeet.Tracking;

namespace Lorikeet.Cli.Terminal;

/// <summary>The words for events that stay on the screen.</summary>
internal static class RunSummary
{
    /// <summary>The lines for an event other than a step.</summary>
    public static IEnumerable<string> LinesFor(RunEvent happened) => happened switch
    {
        RunStarted started => Started(started),
        Evaluated evaluated => [Invariant($"step {evaluated.Step}: evaluation loss {Words.Number(evaluated.Loss)} over {evaluated.Samples} samples, {Words.Duration(TimeSpan.FromSeconds(evaluated.Seconds))}{Metrics(evaluated)}{(evaluated.IsBest ? ", the best so far" : "")}")],
        SampleGenerated sample => Sample(sample),
        EarlyStopped stop => [Invariant($"step {stop.Step}: {stop.Evaluations} evaluations in a row were no better ({Best(stop.Metric, stop.BestMetric, stop.BestStep)}): the run ends early")],
        CheckpointSaved saved => [Invariant($"step {saved.Step}: checkpoint saved: {saved.Path} ({Words.Bytes(saved.Bytes)})")],
        Noted note => [$"note: {note.Message}"],
        _ => [],
    };

    /// <summary>Whether a device has memory of its own.</summary>
    public static bool IsApart(string device) => device.StartsWith("cuda", StringComparison.Ordinal);

    /// <summary>All that the allocator counts.</summary>
    public static long Accounted(MemoryUse memory) => memory.Weights + memory.Activations + memory.Gradients + memory.Optimizer + memory.Workspace;

    /// <summary>The closing figures of a run, on standard output.</summary>
    public static void Write(RunFinished finished, string device, CliHost host)
    {
        var memory = finished.PeakMemory;
        string where = IsApart(device) ? $"{Words.Bytes(Accounted(memory))} on {device}, {Words.Bytes(memory.Resident)} of the process" : $"{Words.Bytes(memory.Resident)} of the process";
        var lines = new List<string>
        {
            Invariant($"{(finished.Interrupted ? "interrupted" : finished.StoppedEarly ? "ended early" : "finished")} after step {finished.Steps} in {Words.Duration(TimeSpan.FromSeconds(finished.ElapsedS))}: {Words.Count(finished.Tokens)} tokens, {finished.TokensPerS:0} tokens/s{Loss(finished)}"),
            $"peak memory: {where}; weights {Words.Bytes(memory.Weights)}, activations {Words.Bytes(memory.Activations)}, gradients {Words.Bytes(memory.Gradients)}, optimizer {Words.Bytes(memory.Optimizer)}, workspace {Words.Bytes(memory.Workspace)}",
        };
        if (finished.BestMetric is { } best)
        {
            lines.Add(Invariant($"best evaluation: {finished.BestMetricName} {Words.Number(best)} at step {finished.BestStep}"));
        }

        if (finished.Saved is { } saved)
        {
            lines.Add($"saved: {saved}");
        }

        lines.ForEach(host.Result.WriteLine);
    }

    private static IEnumerable<string> Started(RunStarted run)
    {
        double share = 100.0 * run.TrainableParameters / Math.Max(1, run.TotalParameters);
        yield return $"{run.Model} ({run.Family}), {run.Device}, {run.Compute}";
        yield return Invariant($"{run.Method}, {run.Objective}: {Words.Count(run.TrainableParameters)} of {Words.Count(run.TotalParameters)} parameters are trained ({share:0.###} %)");
        yield return Invariant($"{Words.Count(run.Steps)} steps of {run.BatchSize} samples: {run.Epochs:0.##} {(run.Epochs == 1 ? "epoch" : "epochs")} of {Words.Count(run.Samples)} samples; output: {run.OutputDir}");
        if (run.ResumedFromStep > 0)
        {
            yield return Invariant($"going on after step {run.ResumedFromStep}");
        }
    }

    // The whole texts are in the events; here they are to be read at a glance.
    private static string[] Sample(SampleGenerated sample)
    {
        string pictures = sample.Images is { Count: > 0 } images ? $" ({string.Join(", ", images)})" : "";
        return
        [
            Invariant($"step {sample.Step}: sample {sample.Index}{pictures}: {OneLine(sample.Prompt)}"),
            $"    expected: {OneLine(sample.Reference)}",
            $"    reply:    {OneLine(sample.Reply)}{(sample.IsCut ? Invariant($" [ends at max_new_tokens, {sample.Tokens}]") : "")}",
        ];
    }

    private static string OneLine(string text)
    {
        const int Longest = 200;
        string line = string.Join(' ', text.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries));
        string safe = string.Concat(line.Select(c => char.IsControl(c) ? '\ufffd' : c));
        return safe.Length <= Longest ? safe : safe[..Longest] + "…";
    }

    private static string Metrics(Evaluated evaluated) => string.Concat((evaluated.Metrics ?? new Dictionary<string, double>()).Select(m => $", {m.Key} {Words.Number(m.Value)}"));

    private static string Loss(RunFinished finished) => double.IsNaN(finished.FinalLoss) ? "" : $", loss {Words.Number(finished.FinalLoss)}";

    private static string Best(string metric, double? value, long? step) => value is { } best ? Invariant($"best {metric} {Words.Number(best)} at step {step}") : $"no {metric} was a number";

    private static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
