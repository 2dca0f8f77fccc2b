using System.Globalization;
using Lorikeet.Models;
using Lorikeet.Tensors;
using Lorikeet.Training.Batching;
using Lorikeet.Training.Config;

namespace Lorikeet.Training.Planning;

/// <summary>
/// Plans a run by running it dry: every row of the data is measured without its pixels, and the trainer takes the steps with the
/// largest batches on a device that computes nothing and owns no memory. There is no formula to keep in step with the code.
/// </summary>
public sealed class RunPlanner : IDisposable
{
    // Batches held at a time: the one in use, and what DatasetTraining reads ahead.
    private const int BatchesHeld = 3;
    private const int FlopSamples = 48;

    // Partial results of attention's backward pass are bounded to 64 MiB, packed panels are about 2 MiB a thread.
    private const long KernelBytes = 68L << 20;

    // What the runtime has let go of and not collected yet.
    private const long GarbageBytes = 32L << 20;

    private readonly RunConfig _config;
    private readonly PlanEnvironment _environment;
    private readonly Processor _processor;
    private readonly RunData _data;
    private readonly SampleLoader _rows;
    private readonly SampleLoader? _evaluation;
    private long? _program;
    private DataScan? _scan;
    private DataScan? _evaluationScan;

    private RunPlanner(RunConfig config, PlanEnvironment environment, Processor processor, RunData data)
    {
        _config = config;
        _environment = environment;
        _processor = processor;
        _data = data;
        _rows = data.OpenTrainingSamples(CancellationToken.None);
        _evaluation = config.Train.EvalStrategy == Strategy.No ? null : data.OpenEvaluation();
    }

    /// <summary>Opens the model's processor and the data; no weight is read.</summary>
    /// <exception cref="InvalidDataException">The model, the data or the run file is unusable.</exception>
    public static RunPlanner Open(RunConfig config, PlanEnvironment environment)
    {
        string path = config.Model.Path ?? throw new InvalidDataException("model.path is missing: give the directory of a model");
        Processor processor = ModelCatalog.LoadProcessor(ModelDirectory.Open(environment.LocateModel(path)));
        var data = new RunData(config, processor);
        try
        {
            return new RunPlanner(config, environment, processor, data);
        }
        catch
        {
            data.Dispose();
            throw;
        }
    }

    /// <summary>Plans the run.</summary>
    /// <exception cref="InvalidDataException">The run file doesn't fit the model, or no row can be used.</exception>
    public RunPlan Plan(CancellationToken cancellation)
    {
        DataScan scan = Scan(cancellation);
        using DryRun dry = Run(_config, (_rows, scan, _evaluationScan), cancellation);
        return new RunPlan
        {
            Account = dry.AtPeak(),
            Process = ProcessOf(_config, dry, scan),
            Training = TrainingOf(dry, scan),
            Data = DataOf(scan),
            Notes = Notes(scan),
            IsApart = !_environment.MapsFiles,
        };
    }

    /// <summary>Bytes of the run under another run file with the same model and data, planned in the same way.</summary>
    /// <param name="changed">The run file.</param>
    /// <param name="cancellation">Gives up.</param>
    internal long TotalOf(RunConfig changed, CancellationToken cancellation)
    {
        DataScan scan = Scan(cancellation);
        (SampleLoader loader, DataScan? evaluation) = (_rows, _evaluationScan);
        if (changed.Data != _config.Data)
        {
            loader = loader.With(RunData.OptionsOf(changed));
            scan = scan.Again(loader, cancellation);
            evaluation = evaluation?.Again(_evaluation!.With(RunData.OptionsOf(changed)), cancellation);
        }

        using DryRun dry = Run(changed, (loader, scan, evaluation), cancellation);
        PlannedBytes account = dry.AtPeak();
        PlannedProcess process = ProcessOf(changed, dry, scan);
        return account.Total + account.Slack + (_environment.MapsFiles ? process.Total : process.Kernels);
    }

    /// <summary>The length in tokens that a share of the samples does not exceed.</summary>
    /// <param name="share">0 to 1.</param>
    internal int LengthOf(double share)
    {
        int[] lengths = [.. Scan(CancellationToken.None).Costliest(c => -c.Tokens).Select(c => c.Cost.Tokens)];
        return lengths[Math.Clamp((int)Math.Ceiling(share * lengths.Length) - 1, 0, lengths.Length - 1)];
    }

    /// <inheritdoc/>
    public void Dispose() => _data.Dispose();

    private DataScan Scan(CancellationToken cancellation)
    {
        _scan ??= DataScan.Of(_rows, _environment, cancellation);
        if (_evaluation is not null)
        {
            _evaluationScan ??= DataScan.Of(_evaluation, _environment with { Progress = null }, cancellation);
        }

        return _scan;
    }

    private DryRun Run(RunConfig config, (SampleLoader Rows, DataScan Scan, DataScan? Evaluation) data, CancellationToken cancellation)
    {
        (SampleLoader loader, DataScan scan, DataScan? evaluationScan) = data;
        var dry = new DryRun(config, _processor, _environment);
        try
        {
            foreach (PlannedStep step in BatchChoice.OfTraining(StepsOf(config, scan), scan, config.Data.Packing ? config.Data.MaxLength : null))
            {
                cancellation.ThrowIfCancellationRequested();
                ModelInput[] batches = [.. step.Batches.Select(rows => loader.OutlineBatch(rows, (ulong)config.Train.Seed).Input).OfType<ModelInput>()];
                if (batches.Length > 0)
                {
                    dry.Train(step.Name, batches);
                }
            }

            if (_evaluation is { } evaluation)
            {
                SampleLoader held = evaluation.With(RunData.OptionsOf(config));
                foreach (PlannedStep step in BatchChoice.OfEvaluation(held.Count, config.Train.PerDeviceEvalBatchSize, evaluationScan!))
                {
                    cancellation.ThrowIfCancellationRequested();
                    if (held.OutlineBatch(step.Batches[0], seed: null).Input is { } batch)
                    {
                        dry.Evaluate(step.Name, batch);
                    }
                }

                dry.Reply("replies to samples of the evaluation", held);
            }

            return dry;
        }
        catch
        {
            dry.Dispose();
            throw;
        }
    }

    /// <summary>The steps of a run.</summary>
    private StepPlan StepsOf(RunConfig config, DataScan scan)
    {
        if (!config.Data.Packing)
        {
            return _data.StepsOf(config, null);
        }

        int capacity = config.Data.MaxLength ?? throw new InvalidDataException("data.packing needs data.max_length, the tokens of a pack");
        return _data.StepsOf(config, RowPacks.BestFit(scan.Lengths, capacity));
    }

    private PlannedProcess ProcessOf(RunConfig config, DryRun dry, DataScan scan)
    {
        // The pixels of a batch exist twice while it is put together, and one picture as decoded, resized and cut; twice as much
        // waits to be collected.
        long held = (BatchesHeld * (long)config.Train.GradientAccumulationSteps) + 1;
        return new PlannedProcess
        {
            Program = _program ??= Math.Max(0, Environment.WorkingSet - _environment.AlreadyHeld),
            ReadAhead = (2 * ((held * dry.InputBytes) + scan.DecodeBytes)) + GarbageBytes,
            Kernels = _environment.Kernels is null ? KernelBytes : dry.ScratchBytes,
            Saving = config.Train.SaveStrategy == SaveStrategy.No ? 0 : dry.CheckpointBytes,
        };
    }

    private PlannedTraining TrainingOf(DryRun dry, DataScan scan)
    {
        Trainable trainable = dry.Model.Trainable;
        StepPlan plan = StepsOf(_config, scan);
        return new PlannedTraining
        {
            Modules = trainable.Adapter is { } adapter ? [.. adapter.Adapters.Select(a => a.Layer.Path)] : [.. trainable.Tensors.Select(t => t.Name)],
            HasAdapters = trainable.Adapter is not null,
            Parameters = trainable.Count,
            ModelParameters = dry.Model.Loaded.Model.Parts.Params.Sum(p => p.Value.Count),
            Compute = dry.Model.Compute == Compute.BF16 ? "bfloat16" : "float32",
            StepsPerEpoch = plan.StepsPerEpoch,
            Steps = plan.TotalSteps,
            Samples = (long)((double)plan.ConsumedAfter(plan.TotalSteps) / plan.Rows * (_config.Data.Packing ? scan.Rows : plan.Rows)),
            FlopsPerSample = FlopsPerSample(dry, scan),
        };
    }

    /// <summary>Operations of an average sample, from samples evenly spaced by length: the sum over them in the proportion of their tokens.</summary>
    private double FlopsPerSample(DryRun dry, DataScan scan)
    {
        (long Row, SampleCost Cost)[] ordered = [.. scan.Costliest(c => c.Tokens + c.Patches)];
        int count = Math.Min(FlopSamples, ordered.Length);
        double flops = 0, tokens = 0;
        for (int i = 0; i < count; i++)
        {
            (long row, SampleCost cost) = ordered[(int)((i + 0.5) * ordered.Length / count)];
            ModelInput input = _rows.OutlineBatch([new PlannedRow(0, row)], null).Input!;
            flops += StepFlops.OfTraining(dry.Model.Loaded.Model, input) + StepFlops.OfRecomputing(dry.Model.Loaded.Model, input);
            tokens += cost.Tokens;
        }

        var sums = scan.Sums();
        return flops / tokens * sums.Tokens / sums.Usable;
    }

    private static PlannedData DataOf(DataScan scan)
    {
        var sums = scan.Sums();
        double scale = (double)scan.Rows / scan.Looked;
        return new PlannedData
        {
            Rows = scan.Rows,
            Looked = scan.Looked,
            Tokens = (long)(sums.Tokens * scale),
            ImageTokens = (long)(sums.ImageTokens * scale),
            Supervised = (long)(sums.Supervised * scale),
            Patches = (long)(sums.Patches * scale),
            Costliest = scan.Describe(scan.Costliest(c => c.Tokens + c.Patches).First().Row),
            Refused = scan.Refused,
        };
    }

    private List<string> Notes(DataScan scan)
    {
        var notes = new List<string>(_data.Notes);
        if (!_processor.Directory.HasWeights)
        {
            notes.Add($"{_processor.Directory.Path} holds no weights: they are planned from config.json, stored as {PlanEnvironment.StoredAs(_config, _processor.Directory)}");
        }

        if (_rows.Options.Augment is not null)
        {
            notes.Add("samples are planned as they stand: random changes (data.augment) may make a picture or a text a little larger or smaller");
        }

        if (!scan.IsComplete)
        {
            notes.Add(string.Create(CultureInfo.InvariantCulture, $"{scan.Looked} of {scan.Rows} rows were looked at, evenly spaced; the largest batch is made of the costliest of them"));
        }

        if (scan.Refused.Count > 0)
        {
            notes.Add(string.Create(CultureInfo.InvariantCulture, $"training would stop at {scan.Refused.Count} of the rows looked at, which are left out here; the first: {scan.Refused.First}"));
        }

        if (scan.LeftOut.Count > 0)
        {
            notes.Add(string.Create(CultureInfo.InvariantCulture, $"{scan.LeftOut.Count} of the rows looked at are left out, as data.on_error and data.on_overflow say; the first: {scan.LeftOut.First}"));
        }

        if (_evaluationScan is { Refused.Count: > 0 } evaluation)
        {
            notes.Add(string.Create(CultureInfo.InvariantCulture, $"evaluation would stop at {evaluation.Refused.Count} rows, which are left out here; the first: {evaluation.Refused.First}"));
        }

        return notes;
    }
}
