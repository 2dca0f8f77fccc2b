using System.Globalization;
using Lorikeet.Models;
using Lorikeet.Tensors;
using Lorikeet.Tracking;
using Lorikeet.Training.Batching;
using Lorikeet.Training.Config;
using Lorikeet.Training.Evaluating;
using Lorikeet.Training.Optim;

namespace Lorikeet.Training;

/// <summary>A run file made into objects: model, adapter, data, optimizer, trainer. The composition root of training.</summary>
public sealed class TrainingRun : IDisposable
{
    private readonly RunConfig _config;
    private readonly RunEnvironment _environment;
    private readonly List<IDisposable> _owned = [];
    private readonly RunFolder _folder;
    private readonly string _resolved;
    private readonly Lazy<BaseIdentity> _identity;
    private RunModel _model = null!;
    private RunData _data = null!;
    private Trainer? _trainer;

    private TrainingRun(RunConfig config, RunEnvironment environment, UsedDirectory used)
    {
        _config = config;
        _environment = environment;
        _folder = new RunFolder(config.Train.OutputDir!, used);
        _resolved = RunConfigWriter.Write(config);
        _identity = new Lazy<BaseIdentity>(() => BaseIdentity.Of(Loaded));
    }

    /// <summary>The model.</summary>
    public LoadedModel Loaded { get; private set; } = null!;

    /// <summary>What trains.</summary>
    public Trainable Trainable => _model.Trainable;

    /// <summary>Arithmetic of matrix products.</summary>
    public Compute Compute => _model.Compute;

    /// <summary>Which rows each step consumes.</summary>
    public StepPlan Plan => _data.Plan;

    /// <summary>What the user should know before the run starts, one sentence each.</summary>
    public IReadOnlyList<string> Notes => _notes;

    private readonly List<string> _notes = [];

    /// <summary>Loads everything; nothing is written yet.</summary>
    /// <exception cref="InvalidDataException">Something of the user's is unusable; the message says what and where.</exception>
    public static TrainingRun Build(RunConfig config, RunEnvironment environment, UsedDirectory used)
    {
        var run = new TrainingRun(config, environment, used);
        try
        {
            run._folder.RequireUsable();
            run.LoadModel();
            run._data = new RunData(config, run.Loaded.Processor);
            run._owned.Add(run._data);
            run._data.OpenTraining(environment.Listener, CancellationToken.None);
            run._notes.AddRange(run._data.Notes);
            return run;
        }
        catch
        {
            run.Dispose();
            throw;
        }
    }

    /// <summary>Trains, saves, and reports.</summary>
    /// <param name="stop">Asks for an orderly end.</param>
    /// <param name="abort">Gives up at once.</param>
    public TrainResult Execute(CancellationToken stop, CancellationToken abort)
    {
        using IDisposable held = _folder.Lock(_environment.Owner);
        using AdamW optimizer = new(_environment.Parameters, Trainable.Tensors, RunModel.AdamOptions(_config));
        var notes = new List<string>();
        RunState start = Start(optimizer, notes.Add);
        _folder.Begin(_resolved, start.Step);
        using RunTrackers trackers = RunTrackers.Open(_config, _resolved, _environment);
        IRunListener listener = trackers.Listener;
        using var quarantine = new Quarantine(Path.Combine(_folder.Path, Quarantine.FileName), message => listener.On(new Noted { Message = message }));
        _data.SaveLengths(quarantine);
        notes.ForEach(note => listener.On(new Noted { Message = note }));
        long began = _environment.Clock.GetTimestamp();
        try
        {
            return Train(new RunParts(trackers, optimizer, quarantine), start, began, stop, abort);
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            int exitCode = e switch { TrainingDivergedException => 3, InvalidDataException or IOException or UnauthorizedAccessException or InsufficientMemoryException => 2, _ => 1 };
            trackers.Fail(new RunFailed
            {
                Time = _environment.Clock.GetUtcNow(),
                ElapsedS = _environment.Clock.GetElapsedTime(began).TotalSeconds,
                Step = _trainer?.StepsDone ?? start.Step,
                Error = e.Message,
                ExitCode = exitCode,
            });
            throw;
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        for (int i = _owned.Count - 1; i >= 0; i--)
        {
            _owned[i].Dispose();
        }
    }

    private TrainResult Train(RunParts parts, RunState start, long began, CancellationToken stop, CancellationToken abort)
    {
        (RunTrackers trackers, AdamW optimizer, Quarantine quarantine) = parts;
        IRunListener listener = trackers.Listener;
        using var data = new DatasetTraining(_data.Train, Plan, (ulong)_config.Train.Seed, start.Step, quarantine.Add);
        listener.On(Started(start.Step));
        _trainer = new Trainer(Setup(parts, data, start));
        TrainResult result = _trainer.Run(stop, abort);
        if (quarantine.Summary is { } leftOut)
        {
            listener.On(new Noted { Message = leftOut });
        }

        if (data.Augmented.ToString() is { } augmented)
        {
            listener.On(new Noted { Message = augmented });
        }

        string? saved = null;
        if (!result.Interrupted)
        {
            RestoreBest(result, optimizer, listener);
            _folder.SaveFinal(Loaded, Trainable, _identity.Value, _environment.Reached);
            saved = _folder.Path;
        }

        foreach (string hint in trackers.Hints)
        {
            listener.On(new Noted { Message = hint });
        }

        listener.On(new RunFinished
        {
            Steps = result.Steps,
            Interrupted = result.Interrupted,
            Tokens = result.Tokens,
            TokensPerS = result.Seconds > 0 ? result.Tokens / result.Seconds : 0,
            FinalLoss = result.FinalLoss,
            BestEvalLoss = Best.Metric == BestModelOptions.Loss ? result.BestMetric : null,
            BestMetricName = result.BestMetric is null ? null : Best.Metric,
            BestMetric = result.BestMetric,
            BestStep = result.BestStep,
            StoppedEarly = result.StoppedEarly,
            PeakMemory = MemoryReport.AtPeak(_environment.Parameters.Arena.Account),
            Saved = saved,
            ElapsedS = _environment.Clock.GetElapsedTime(began).TotalSeconds,
        });
        return result;
    }

    private void LoadModel()
    {
        string path = _config.Model.Path ?? throw new InvalidDataException("model.path is missing: give the directory of a model, or ORG/NAME of the hub");
        ModelDirectory directory = ModelDirectory.Open(_environment.LocateModel(path));
        Parameters parameters = _environment.Parameters;
        Loaded = ModelCatalog.Load(directory, parameters);
        _owned.Add(Loaded);
        _model = RunModel.Prepare(_config, Loaded, parameters, _environment.HasFastBf16);
        _notes.AddRange(Loaded.Processor.Tokenizer.Warnings);
    }

    private RunState Start(AdamW optimizer, Action<string> note)
    {
        string data = _data.Identity;
        var fresh = new RunState(0, Plan.TotalSteps, 0, data, _environment.InstructionSet, null, null);
        if (_folder.NewestGood(note, _config.Train.LoadBestModelAtEnd) is not { } path)
        {
            return fresh;
        }

        RequireSame(path, Checkpoint.ReadState(path));
        RunState state = Checkpoint.Load(path, Trainable, optimizer);
        if (RunExtension.Require(path, state, _config.Train, Plan.TotalSteps) is { } change)
        {
            note(change);
        }

        if (state.BestMetric is not null && (state.BestMetricName ?? BestModelOptions.Loss) != Best.Metric)
        {
            note($"the best model was chosen by {state.BestMetricName ?? BestModelOptions.Loss} so far, and is now by {Best.Metric}: the choice begins anew");
            state = state with { BestMetric = null, BestStep = null, WithoutImprovement = 0 };
        }

        if (state.InstructionSet != _environment.InstructionSet)
        {
            note($"the checkpoint was computed on {state.InstructionSet}, this machine computes on {_environment.InstructionSet}: results continue, but not bit by bit");
        }

        note(string.Create(CultureInfo.InvariantCulture, $"continuing from {path} after step {state.Step} of {state.TotalSteps}"));
        return state with { InstructionSet = _environment.InstructionSet };
    }

    /// <summary>Refuses to go on where anything that the trained bytes depend on is not as it was, naming all of it.</summary>
    private void RequireSame(string path, RunState state)
    {
        var differences = new List<string>(SettingsDifference.Find(Checkpoint.ReadSettings(path), _resolved, RunConfigWriter.Write(new RunConfig())));
        if (BaseIdentity.Read(path) is { } made)
        {
            differences.AddRange(made.Differences(_identity.Value).Select(what => $"model.path: the {what} of {Loaded.Directory.Path} differ from those of the checkpoint's base"));
        }

        if (differences.Count == 0 && state.DataFingerprint != _data.Identity)
        {
            differences.Add(WithoutAugment(state.DataFingerprint) == WithoutAugment(_data.Identity)
                ? "data.augment.synonyms.file: another word list"
                : $"data.train: other samples, {state.DataFingerprint} in the checkpoint, {_data.Identity} now");
        }

        if (differences.Count > 0)
        {
            throw new InvalidDataException(
                $"{path}: was made with other settings:\n  {string.Join("\n  ", differences)}\nResume with the same settings, or start anew with --overwrite.");
        }

        static string WithoutAugment(string identity) => identity.Split(" augment=")[0];
    }

    private TrainerSetup Setup(RunParts parts, ITrainingData data, RunState start)
    {
        TrainSection t = _config.Train;
        LearningRateCurve curve = LearningRateCurve.From(t, Plan.TotalSteps);
        var occasions = new Occasions(t, Plan);
        return new TrainerSetup
        {
            Model = Loaded.Model,
            Trainable = Trainable,
            Objective = RunModel.Objective(_config),
            Optimizer = parts.Optimizer,
            Data = data,
            LearningRate = curve.At,
            Parameters = _environment.Parameters,
            Listener = parts.Trackers.Listener,
            Clock = _environment.Clock,
            Evaluation = EvaluationSetup.Open(_config, Loaded, _data, new EvaluationParts(_environment.Parameters, Compute, parts.Trackers.Listener, parts.Quarantine.Add, _environment.Clock)),
            Save = state => SaveCheckpoint(state, parts.Optimizer),
            Options = new TrainerOptions
            {
                TotalSteps = Plan.TotalSteps,
                StepsPerEpoch = Plan.StepsPerEpoch,
                Compute = Compute,
                MicroBatchMean = t.LossNormalization == LossNormalization.MicrobatchMean,
                EvaluateAt = occasions.EvaluateAt,
                EvaluateOnStart = t.EvalOnStart,
                SaveAt = occasions.SaveAt,
                Best = Best,
                Start = start,
                ConsumedAfter = Plan.ConsumedAfter,
            },
        };
    }

    private BestModelOptions Best => EvaluationSetup.Best(_config.Train);

    private string SaveCheckpoint(RunState state, AdamW optimizer)
    {
        string path = Checkpoint.Save(_folder.Path, new CheckpointContents(state, Trainable, optimizer, _resolved, _identity.Value), _environment.Reached);
        if (_config.Train.SaveTotalLimit is { } limit)
        {
            _environment.Reached?.Invoke(WritePoint.BeforePrune);
            Checkpoint.Prune(_folder.Path, limit, state.BestStep);
            _environment.Reached?.Invoke(WritePoint.AfterPrune);
        }

        return path;
    }

    private void RestoreBest(TrainResult result, AdamW optimizer, IRunListener listener)
    {
        if (!_config.Train.LoadBestModelAtEnd || result.BestStep is not { } best || best == result.Steps)
        {
            return;
        }

        string path = Checkpoint.PathOf(_folder.Path, best);
        if (Checkpoint.Damage(path) is { } damage)
        {
            listener.On(new Noted { Message = $"the best checkpoint {path} cannot be loaded ({damage}); the last state is kept" });
            return;
        }

        Checkpoint.Load(path, Trainable, optimizer);
        listener.On(new Noted { Message = $"the best model is that of {path}" });
    }

    private RunStarted Started(int resumedFrom) => new()
    {
        Lorikeet = _environment.Version,
        Name = RunTrackers.NameOf(_config),
        Model = Loaded.Directory.Origin?.ToString() ?? Loaded.Directory.Path,
        Family = Loaded.Directory.ModelType,
        Method = Word(_config.Method),
        Objective = Word(_config.Objective),
        Compute = Compute == Compute.BF16 ? "bfloat16" : "float32",
        Device = _environment.Parameters.Device.Name,
        OutputDir = _folder.Path,
        Steps = Plan.TotalSteps,
        ResumedFromStep = resumedFrom,
        Epochs = (double)Plan.TotalSteps / Plan.StepsPerEpoch,
        Samples = _data.SamplesPerEpoch,
        BatchSize = (long)Plan.BatchSize * Plan.Accumulation,
        TrainableParameters = Trainable.Count,
        TotalParameters = Loaded.Model.Parts.Params.Sum(p => p.Value.Count) + (Trainable.Adapter is null ? 0 : Trainable.Count),
        Seed = _config.Train.Seed,
    };

    private static string Word<T>(T value)
        where T : struct, Enum => value.ToString().ToLowerInvariant();

    private sealed record RunParts(RunTrackers Trackers, AdamW Optimizer, Quarantine Quarantine);
}
