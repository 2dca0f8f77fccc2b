using System.Globalization;
using System.Text;
using Lorikeet.Cli.Terminal;
using Lorikeet.Training.Planning;

namespace Lorikeet.Cli.Planning;

/// <summary>A plan as people read it.</summary>
internal static class PlanText
{
    private const int LabelWidth = 36, SizeWidth = 10;

    /// <summary>The whole plan.</summary>
    public static string Of(PlanResult result)
    {
        var text = new StringBuilder();
        RunPlan plan = result.Plan;
        Trained(text, result);
        Data(text, plan);
        Memory(text, result);
        Time(text, result);
        Changes(text, result);
        foreach (string note in plan.Notes)
        {
            text.Append("note: ").Append(note).Append('\n');
        }

        return text.ToString();
    }

    /// <summary>The verdict on a run that is too large.</summary>
    public static string DoesNotFit(PlanResult result) =>
        $"the run needs {Words.Bytes(result.Plan.Total)}, {result.Budget.Whose}"
        + (result.Changes.Count == 0 ? "; no single change of the run file was found that makes it smaller" : "");

    private static void Trained(StringBuilder text, PlanResult result)
    {
        PlannedTraining t = result.Plan.Training;
        double share = 100.0 * t.Parameters / Math.Max(1, t.ModelParameters);
        text.Append(Invariant($"trained: {Words.Count(t.Parameters)} values, {share:0.###} % of the model's {Words.Count(t.ModelParameters)}; products in {t.Compute}\n"));
        text.Append(t.HasAdapters ? $"  adapters on {t.Modules.Count} layers: " : $"  {t.Modules.Count} tensors: ").Append(ModuleSummary.Of(t.Modules)).Append('\n');
    }

    private static void Data(StringBuilder text, RunPlan plan)
    {
        PlannedData d = plan.Data;
        string about = d.Looked < d.Rows ? "about " : "";
        text.Append(Invariant($"data: {Words.Count(d.Rows)} rows, {about}{Words.Count(d.Tokens)} tokens an epoch, {Words.Count(d.ImageTokens)} of them for pictures, {Words.Count(d.Supervised)} with loss; {Words.Count(d.Patches)} patches\n"));
        text.Append("  costliest sample: ").Append(d.Costliest).Append('\n');
        text.Append(Invariant($"  {Words.Count(plan.Training.StepsPerEpoch)} steps an epoch, {Words.Count(plan.Training.Steps)} in all\n"));
    }

    private static void Memory(StringBuilder text, PlanResult result)
    {
        PlannedBytes a = result.Plan.Account;
        PlannedProcess p = result.Plan.Process;
        text.Append("memory at the highest point (").Append(a.PeakIn).Append("):\n");
        Line(text, "weights, read in place from files", a.MappedWeights, always: !result.Plan.IsApart);
        Line(text, "weights, loaded", a.LoadedWeights);
        Line(text, result.Plan.Training.HasAdapters ? "adapters" : "trained copies of weights", a.Trained, always: true);
        Line(text, "gradients", a.Gradients, always: true, a.MostGradients > a.Gradients ? $"   ({Words.Bytes(a.MostGradients)} at another time)" : "");
        Line(text, "optimizer", a.Optimizer, always: true);
        Line(text, "activations of the largest batch", a.Activations, always: true);
        Line(text, "workspace", a.Workspace, always: true);
        Line(text, "accounted", a.Total, always: true);
        Line(text, "free blocks of the allocator", a.Slack);
        if (result.Plan.IsApart)
        {
            Line(text, "scratch of kernels", p.Kernels, always: true);
            Line(text, "total", result.Plan.Total, always: true, Verdict(result));
            text.Append(Invariant($"memory of this machine besides: about {Words.Bytes(result.Plan.HostTotal)} (batches read ahead, the program, copies while saving)\n"));
            return;
        }

        Line(text, "batches read ahead, decoding (est.)", p.ReadAhead, always: true);
        Line(text, "scratch of kernels (at most)", p.Kernels, always: true);
        Line(text, "copies while saving (est.)", p.Saving);
        Line(text, "program, tokenizer, data (measured)", p.Program, always: true);
        Line(text, "total", result.Plan.Total, always: true, Verdict(result));
    }

    private static string Verdict(PlanResult result) => $" of {Words.Bytes(result.Budget.Bytes)}{result.Budget.Word}: {(result.Fits ? "fits" : "does not fit")}";

    private static void Time(StringBuilder text, PlanResult result)
    {
        if (result.Time is not { } time)
        {
            text.Append(Invariant($"time: not told, the GPU is not here ({result.Plan.Training.FlopsPerSample / 1e9:0.#} GFLOP a sample)\n"));
            return;
        }

        text.Append(Invariant($"time: about {Words.Duration(TimeSpan.FromSeconds(time.Seconds))}, {Words.Duration(TimeSpan.FromSeconds(time.SecondsPerStep))} a step"))
            .Append(Invariant($" ({result.Plan.Training.FlopsPerSample / 1e9:0.#} GFLOP a sample at {100 * TimeEstimate.Share:0} % of this machine's {time.PeakGflops:0} GFLOP/s; evaluation and saving not counted)\n"));
    }

    private static void Changes(StringBuilder text, PlanResult result)
    {
        if (result.Changes.Count == 0)
        {
            return;
        }

        text.Append("to make it smaller (each planned in the same way):\n");
        foreach (PlannedChange change in result.Changes)
        {
            text.Append($"  {change.Setting}\n      {Words.Bytes(change.Total)}{(change.Fits ? ", fits" : ", not enough alone")}: {change.Effect}\n");
        }
    }

    private static void Line(StringBuilder text, string label, long bytes, bool always = false, string more = "")
    {
        if (always || bytes > 0)
        {
            text.Append("  ").Append(label.PadRight(LabelWidth)).Append(Words.Bytes(bytes).PadLeft(SizeWidth)).Append(more).Append('\n');
        }
    }

    private static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
