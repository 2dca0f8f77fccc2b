using System.Globalization;
using Lorikeet.Training.Config;

namespace Lorikeet.Training.Planning;

/// <summary>Which changes of the run file make a run fit. Every one is planned like the run itself before it is named.</summary>
/// <param name="planner">Of the run.</param>
/// <param name="config">The run file.</param>
/// <param name="plan">Its plan.</param>
/// <param name="budget">Bytes that the process may take.</param>
public sealed class PlanAdvice(RunPlanner planner, RunConfig config, RunPlan plan, long budget)
{
    private static readonly double[] EdgeShares = [0.75, 0.5, 0.35, 0.25];
    private static readonly double[] KeptShares = [0.98, 0.95, 0.9];

    /// <summary>Single changes that save memory, those that cost least first; where none is enough, also several together.</summary>
    public IReadOnlyList<PlannedChange> Changes(CancellationToken cancellation)
    {
        var found = new List<PlannedChange>();
        var best = new List<Change>();
        foreach (Change[] kind in Kinds())
        {
            PlannedChange? last = null;
            Change? lastChange = null;
            foreach (Change change in kind)
            {
                if (Try([change], cancellation) is { } planned && planned.Total < (last?.Total ?? plan.Total))
                {
                    (last, lastChange) = (planned, change);
                    if (planned.Fits)
                    {
                        break;
                    }
                }
            }

            // A saving below a hundredth isn't worth a line.
            if (last is not null && last.Total < plan.Total - (plan.Total / 100))
            {
                found.Add(last);
                best.Add(lastChange!);
            }
        }

        if (!found.Any(c => c.Fits))
        {
            AddTogether(found, best, cancellation);
        }

        return found;
    }

    /// <summary>One change after the other, until they fit.</summary>
    private void AddTogether(List<PlannedChange> found, List<Change> best, CancellationToken cancellation)
    {
        for (int count = 2; count <= best.Count; count++)
        {
            if (Try([.. best.Take(count)], cancellation) is { } planned && (planned.Fits || count == best.Count))
            {
                found.Add(planned);
                return;
            }
        }
    }

    private PlannedChange? Try(Change[] changes, CancellationToken cancellation)
    {
        RunConfig changed = config;
        foreach (Change change in changes)
        {
            changed = change.Apply(changed);
        }

        // What this version can't do yet, or what contradicts something else in the run file, is no advice.
        if (changed.Validate().Count > 0)
        {
            return null;
        }

        try
        {
            long total = planner.TotalOf(changed, cancellation);
            return new PlannedChange(string.Join(' ', changes.Select(c => c.Setting)), string.Join("; ", changes.Select(c => c.Effect)), total, total <= budget);
        }
        catch (InvalidDataException)
        {
            // The change leaves nothing to train, or no row: no advice either.
            return null;
        }
    }

    private IEnumerable<Change[]> Kinds()
    {
        if (!config.Train.GradientCheckpointing)
        {
            yield return [new("--train.gradient_checkpointing true", "the same result; a step takes about a third longer", c => c with { Train = c.Train with { GradientCheckpointing = true } })];
        }

        yield return [.. SmallerBatches()];
        yield return [.. SmallerEvaluation()];
        if (config.Method is TuningMethod.Full or TuningMethod.Freeze)
        {
            yield return [new("--method lora", "trains an adapter instead of the model's own weights", c => c with { Method = TuningMethod.Lora })];
        }
        else if (config.Lora.FinetuneVisionLayers != false)
        {
            yield return [new("--lora.finetune_vision_layers false", "leaves the vision tower as it is", c => c with { Lora = c.Lora with { FinetuneVisionLayers = false } })];
        }

        yield return [.. SmallerPictures()];
        yield return [.. ShorterSamples()];
    }

    private IEnumerable<Change> SmallerBatches()
    {
        TrainSection t = config.Train;
        for (int batch = t.PerDeviceTrainBatchSize / 2; batch >= 1; batch /= 2)
        {
            int size = batch, accumulation = (t.PerDeviceTrainBatchSize * t.GradientAccumulationSteps) / batch;
            bool isSame = size * accumulation == t.PerDeviceTrainBatchSize * t.GradientAccumulationSteps;
            yield return new(
                Invariant($"--train.per_device_train_batch_size {size} --train.gradient_accumulation_steps {accumulation}"),
                isSame ? "the same gradient in smaller pieces" : Invariant($"{size * accumulation} samples a step instead of {t.PerDeviceTrainBatchSize * t.GradientAccumulationSteps}"),
                c => c with { Train = c.Train with { PerDeviceTrainBatchSize = size, GradientAccumulationSteps = accumulation } });
        }
    }

    private IEnumerable<Change> SmallerEvaluation()
    {
        for (int batch = config.Train.PerDeviceEvalBatchSize / 2; batch >= 1 && config.Train.EvalStrategy != Strategy.No; batch /= 2)
        {
            int size = batch;
            yield return new(
                Invariant($"--train.per_device_eval_batch_size {size}"),
                "the same evaluation in smaller pieces",
                c => c with { Train = c.Train with { PerDeviceEvalBatchSize = size } });
        }
    }

    private IEnumerable<Change> SmallerPictures()
    {
        int edge = plan.Data.Costliest.Pictures.Select(p => Math.Max(p.Width, p.Height)).DefaultIfEmpty().Max();
        foreach (int smaller in EdgeShares.Select(share => (int)(share * edge) / 32 * 32).Where(e => e >= 32).Distinct())
        {
            yield return new(
                Invariant($"--data.longest_edge {smaller}"),
                Invariant($"pictures of at most {smaller} pixels a side instead of {edge}: fewer details, fewer tokens"),
                c => c with { Data = c.Data with { LongestEdge = smaller } });
        }
    }

    private IEnumerable<Change> ShorterSamples()
    {
        foreach (double share in KeptShares)
        {
            int longest = planner.LengthOf(share);
            yield return new(
                Invariant($"--data.max_length {longest} --data.on_overflow drop"),
                Invariant($"leaves out samples of more than {longest} tokens, {100 * (1 - share):0} % of them"),
                c => c with { Data = c.Data with { MaxLength = longest, OnOverflow = OverflowPolicy.Drop } });
        }
    }

    private static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);

    private sealed record Change(string Setting, string Effect, Func<RunConfig, RunConfig> Apply);
}
