using System.Globalization;
using Lorikeet.Training.Batching;

namespace Lorikeet.Training.Planning;

/// <summary>Which batches a plan runs: all of a short run, of a long one those that no other is likely to exceed.</summary>
internal static class BatchChoice
{
    // Up to so many, every micro-batch is run; of more, the largest by each measure.
    private const int Few = 96;
    private const int PerMeasure = 6;

    // Orders of later epochs are not walked beyond this; the plan then adds the worst batch that could be drawn.
    private const long MostWalked = 2_000_000;

    private static readonly Func<SampleCost, double>[] Measures =
    [
        c => c.Tokens,
        c => c.Patches,
        c => c.Supervised,
        c => c.Tokens + c.Patches,
        c => c.Tokens + (0.25 * c.Patches) + c.Supervised,
    ];

    /// <summary>The steps to run, in the order of the run, its first step among them.</summary>
    /// <param name="plan">Which rows each step consumes.</param>
    /// <param name="scan">What they cost.</param>
    /// <param name="packTokens">Tokens of a pack; null where rows are not packed.</param>
    public static IReadOnlyList<PlannedStep> OfTraining(StepPlan plan, DataScan scan, int? packTokens)
    {
        if (!scan.IsComplete)
        {
            return [.. Worst(scan, plan.BatchSize, packTokens).Select(rows => new PlannedStep(LargestName, [rows, rows]))];
        }

        if ((long)plan.TotalSteps * plan.Accumulation <= Few)
        {
            return [.. Enumerable.Range(0, plan.TotalSteps).Select(step => Step(plan, scan, step, null)).Where(s => s.Batches.Count > 0)];
        }

        int steps = (int)Math.Min(plan.TotalSteps, Math.Max(1, MostWalked / plan.Accumulation));
        var top = new Extremes(Measures, PerMeasure);
        for (int step = 0; step < steps; step++)
        {
            int index = 0;
            foreach (IReadOnlyList<PlannedRow> batch in plan.Step(step))
            {
                top.Add((step, index++), Sum(scan, batch));
            }
        }

        // The first step has no optimizer state yet, every later one has: it must come first.
        var chosen = new List<PlannedStep> { Step(plan, scan, 0, null) };
        chosen.AddRange(top.Keys.Where(k => k.Step > 0).Order().Select(k => Step(plan, scan, k.Step, k.Index)));
        if (steps < plan.TotalSteps)
        {
            chosen.AddRange(Worst(scan, plan.BatchSize, packTokens).Select(rows => new PlannedStep(LargestName, [rows, rows])));
        }

        return [.. chosen.Where(s => s.Batches.Count > 0)];
    }

    /// <summary>The batches of an evaluation to run.</summary>
    /// <param name="rows">Samples.</param>
    /// <param name="batchSize">Samples per batch.</param>
    /// <param name="scan">What they cost.</param>
    public static IReadOnlyList<PlannedStep> OfEvaluation(long rows, int batchSize, DataScan scan)
    {
        if (!scan.IsComplete)
        {
            return [.. Worst(scan, batchSize, null).Select(r => new PlannedStep("evaluation, the largest batch of the rows looked at", [r]))];
        }

        long batches = (rows + batchSize - 1) / batchSize;
        var top = new Extremes(Measures, batches <= Few ? Few : PerMeasure);
        for (long b = 0; b < batches; b++)
        {
            top.Add(((int)b, 0), Sum(scan, EvaluationRows(b, batchSize, rows)));
        }

        return
        [
            .. top.Keys.Order()
                .Select(k => new PlannedStep(Invariant($"evaluation, batch {k.Step + 1} of {batches}"), [Usable(scan, EvaluationRows(k.Step, batchSize, rows))]))
                .Where(s => s.Batches[0].Count > 0),
        ];
    }

    private const string LargestName = "training, the costliest rows looked at in one batch";

    private static PlannedStep Step(StepPlan plan, DataScan scan, int step, int? index)
    {
        IReadOnlyList<IReadOnlyList<PlannedRow>> all = plan.Step(step);

        // Micro-batches behind the first find gradients; which rows made them doesn't matter.
        IEnumerable<IReadOnlyList<PlannedRow>> chosen = index is null ? all : index == 0 ? [all[0]] : [all[0], all[index.Value]];
        string part = index is null || all.Count == 1 ? "" : Invariant($", micro-batch {index + 1} of {all.Count}");
        return new PlannedStep(Invariant($"training, step {step + 1}{part}"), [.. chosen.Select(rows => Usable(scan, rows)).Where(rows => rows.Count > 0)]);
    }

    private static IEnumerable<List<PlannedRow>> Worst(DataScan scan, int batchSize, int? packTokens) =>
        Measures.Select(by => Largest(scan.Costliest(by), batchSize, packTokens)).DistinctBy(rows => string.Join(',', rows.Select(r => r.Row).Order()));

    /// <summary>The first rows that fill a batch: so many rows, or so many packs.</summary>
    private static List<PlannedRow> Largest(IEnumerable<(long Row, SampleCost Cost)> ordered, int batchSize, int? packTokens)
    {
        if (packTokens is not { } capacity)
        {
            return [.. ordered.Take(batchSize).Select(c => new PlannedRow(0, c.Row))];
        }

        var rows = new List<PlannedRow>();
        long room = (long)batchSize * capacity;
        foreach ((long row, SampleCost cost) in ordered)
        {
            if (rows.Count > 0 && cost.Tokens > room)
            {
                break;
            }

            rows.Add(new PlannedRow(0, row));
            room -= cost.Tokens;
        }

        return rows;
    }

    private static IReadOnlyList<PlannedRow> EvaluationRows(long batch, int batchSize, long rows)
    {
        long start = batch * batchSize, end = Math.Min(rows, start + batchSize);
        return [.. Enumerable.Range(0, (int)(end - start)).Select(i => new PlannedRow(0, start + i))];
    }

    private static IReadOnlyList<PlannedRow> Usable(DataScan scan, IReadOnlyList<PlannedRow> rows) => [.. rows.Where(row => scan.Cost(row.Row).Tokens > 0)];

    private static SampleCost Sum(DataScan scan, IReadOnlyList<PlannedRow> rows)
    {
        var sum = default(SampleCost);
        foreach (PlannedRow row in rows)
        {
            sum += scan.Cost(row.Row);
        }

        return sum;
    }

    private static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);

    /// <summary>The few largest by each of several measures.</summary>
    private sealed class Extremes(Func<SampleCost, double>[] measures, int each)
    {
        private readonly PriorityQueue<(int Step, int Index), (double, int)>[] _queues = [.. measures.Select(_ => new PriorityQueue<(int, int), (double, int)>())];

        public IEnumerable<(int Step, int Index)> Keys => _queues.SelectMany(q => q.UnorderedItems.Select(item => item.Element)).Distinct();

        public void Add((int Step, int Index) key, SampleCost cost)
        {
            for (int m = 0; m < measures.Length; m++)
            {
                // Among equals the earliest stays.
                _queues[m].Enqueue(key, (measures[m](cost), -key.Step));
                if (_queues[m].Count > each)
                {
                    _queues[m].Dequeue();
                }
            }
        }
    }
}

/// <summary>A step that a plan runs.</summary>
/// <param name="Name">What the plan calls it.</param>
/// <param name="Batches">The rows of its micro-batches.</param>
internal sealed record PlannedStep(string Name, IReadOnlyList<IReadOnlyList<PlannedRow>> Batches);
