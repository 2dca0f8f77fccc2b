using Lorikeet.Models;
using Lorikeet.Tensors;
using Lorikeet.Tensors.Planning;
using Lorikeet.Tracking;
using Lorikeet.Training.Batching;
using Lorikeet.Training.Config;
using Lorikeet.Training.Evaluating;
using Lorikeet.Training.Objectives;
using Lorikeet.Training.Optim;

namespace Lorikeet.Training.Planning;

/// <summary>
/// A run on a <see cref="DryDevice"/>: the model, the adapter, the objective, the trainer and the optimizer are the real ones, so their
/// requests for memory are the real run's, in its order. Nothing is computed and no weight is read.
/// </summary>
internal sealed class DryRun : IDisposable
{
    private readonly RunConfig _config;
    private readonly DryDevice _device;
    private readonly Arena _arena;
    private readonly Parameters _parameters;
    private readonly AdamW _optimizer;
    private readonly IObjective _objective;
    private readonly long _baseBytes;
    private readonly long _trainedBytes;
    private string _peakIn = "loading the model";

    /// <summary>Builds what a run builds before its first step.</summary>
    /// <exception cref="InvalidDataException">The run file doesn't fit the model.</exception>
    public DryRun(RunConfig config, Processor processor, PlanEnvironment environment)
    {
        _config = config;
        _device = new DryDevice(environment.Device, environment.MapsFiles, environment.HalfActivations, environment.Kernels?.Invoke());
        _arena = new Arena(_device);
        _parameters = new Parameters(_device, _arena);
        LoadedModel loaded = ModelCatalog.Outline(processor, _parameters, PlanEnvironment.StoredAs(config, processor.Directory));
        try
        {
            _baseBytes = _arena.Account.LiveOf(Tensors.MemoryUse.Weights);
            Model = RunModel.Prepare(config, loaded, _parameters, environment.HasFastBf16);
            _trainedBytes = _arena.Account.LiveOf(Tensors.MemoryUse.Weights) - _baseBytes;
            _objective = RunModel.Objective(config);
            _optimizer = new AdamW(_parameters, Model.Trainable.Tensors, RunModel.AdamOptions(config));
        }
        catch
        {
            loaded.Dispose();
            throw;
        }
    }

    /// <summary>The model with what trains.</summary>
    public RunModel Model { get; }

    /// <summary>Bytes that the host hands to the device for the largest batch so far.</summary>
    public long InputBytes { get; private set; }

    /// <summary>Bytes of copies on the host while a checkpoint is written: the values that train, and two moments of each.</summary>
    public long CheckpointBytes => 3 * sizeof(float) * Model.Trainable.Count;

    /// <summary>Bytes that the device's kernels hold for themselves after all steps so far.</summary>
    public long ScratchBytes => _device.ScratchBytes;

    /// <summary>Takes one optimizer step.</summary>
    /// <param name="name">What the plan calls it, should it turn out to be the highest point.</param>
    /// <param name="batches">Its micro-batches.</param>
    public void Train(string name, IReadOnlyList<ModelInput> batches)
    {
        Watch(name, batches.Count, () => new Trainer(new TrainerSetup
        {
            Model = Model.Loaded.Model,
            Trainable = Model.Trainable,
            Objective = _objective,
            Optimizer = _optimizer,
            Data = new OneStep(new TrainingStep(batches, 0, [])),
            LearningRate = _ => 0,
            Parameters = _parameters,
            Listener = new NoListener(),
            Options = new TrainerOptions { TotalSteps = 1, StepsPerEpoch = 1, Compute = Model.Compute, LogAt = _ => false },
        }).Run(CancellationToken.None, CancellationToken.None));
    }

    /// <summary>Computes the loss of one batch without training.</summary>
    /// <param name="name">What the plan calls it, should it turn out to be the highest point.</param>
    /// <param name="batch">The batch.</param>
    public void Evaluate(string name, ModelInput batch)
    {
        Watch(name, 1, () =>
        {
            using var scope = new StepScope(_device, _arena, record: false) { Compute = Model.Compute };
            foreach (LossTerm term in _objective.Compute(scope, Model.Loaded.Model, batch))
            {
                term.Sum.ToHost<float>();
            }
        });
    }

    /// <summary>Answers the samples that an evaluation of the run answers; what is answered means nothing.</summary>
    /// <param name="name">What the plan calls it, should it turn out to be the highest point.</param>
    /// <param name="loader">The evaluation data.</param>
    public void Reply(string name, SampleLoader loader)
    {
        if (EvaluationSetup.Replies(_config, Model.Loaded, loader, _parameters, Model.Compute) is { } replies)
        {
            Watch(name, 1, () => replies.Run(0, new NoListener(), CancellationToken.None));
        }
    }

    /// <summary>What was live at the highest point.</summary>
    public PlannedBytes AtPeak()
    {
        MemoryAccount account = _arena.Account;
        return new PlannedBytes
        {
            PeakIn = _peakIn,
            MappedWeights = _device.MappedBytes,
            LoadedWeights = _baseBytes - _device.MappedBytes,
            Trained = _trainedBytes,
            Gradients = account.AtPeakOf(Tensors.MemoryUse.Gradients),
            MostGradients = account.PeakOf(Tensors.MemoryUse.Gradients),
            Optimizer = account.AtPeakOf(Tensors.MemoryUse.Optimizer),
            Activations = account.AtPeakOf(Tensors.MemoryUse.Activations),
            Workspace = account.AtPeakOf(Tensors.MemoryUse.Workspace),
            Reserved = _arena.Reserved,
        };
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _optimizer.Dispose();
        Model.Loaded.Dispose();
        _arena.Dispose();
        _device.Dispose();
    }

    private void Watch(string name, int batches, Action body)
    {
        long before = _arena.Account.Peak, uploaded = _device.UploadedBytes;
        body();
        InputBytes = Math.Max(InputBytes, (_device.UploadedBytes - uploaded) / batches);
        if (_arena.Account.Peak > before)
        {
            _peakIn = name;
        }
    }

    private sealed class OneStep(TrainingStep step) : ITrainingData
    {
        public TrainingStep Next(int index, CancellationToken cancellation) => step;
    }

    private sealed class NoListener : IRunListener
    {
        public void On(RunEvent happened)
        {
            // A plan has nobody to tell about steps that compute nothing.
        }
    }
}
