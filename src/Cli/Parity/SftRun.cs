using System.Text.Json;
using Lorikeet.Adapters;
using Lorikeet.Models;
using Lorikeet.Nn.Weights;
using Lorikeet.Tensors;
using Lorikeet.Tracking;
using Lorikeet.Training;
using Lorikeet.Training.Config;
using Lorikeet.Training.Objectives;
using Lorikeet.Training.Optim;

namespace Lorikeet.Cli.Parity;

/// <summary>One training golden, run again by the trainer that users run.</summary>
internal sealed class SftRun : ITrainingData, IRunListener, IDisposable
{
    private readonly JsonElement _golden;
    private readonly ComputeSession _session;
    private readonly LoadedModel _loaded;
    private readonly SftSources _sources;
    private readonly int[][] _microBatches;
    private readonly Trainable _trainable;
    private readonly AdamW _optimizer;

    /// <summary>Attaches what trains to a freshly loaded model.</summary>
    /// <param name="golden">The run's JSON.</param>
    /// <param name="config">The adapter's settings, or null where the model's own tensors train.</param>
    /// <param name="init">The adapter's first values under <c>init.</c>.</param>
    /// <param name="loaded">The model; owned from here on.</param>
    /// <param name="sources">The micro-batches.</param>
    /// <param name="session">The device.</param>
    public SftRun(JsonElement golden, LoraConfig? config, SafeTensorsFile init, LoadedModel loaded, SftSources sources, ComputeSession session)
    {
        (_golden, _loaded, _sources, _session) = (golden, loaded, sources, session);
        _microBatches = [.. golden.GetProperty("steps").EnumerateArray().Select(s => s.GetProperty("microbatches").EnumerateArray().Select(m => m.GetInt32()).ToArray())];
        _trainable = config is null ? WholeModel() : Adapter(config, init);
        JsonElement hyper = golden.GetProperty("hyper");
        _optimizer = new AdamW(session.Parameters, _trainable.Tensors, new AdamWOptions
        {
            Beta1 = hyper.GetProperty("betas")[0].GetDouble(),
            Beta2 = hyper.GetProperty("betas")[1].GetDouble(),
            Epsilon = hyper.GetProperty("eps").GetDouble(),
            WeightDecay = hyper.GetProperty("weight_decay").GetDouble(),
            MaxGradNorm = hyper.GetProperty("grad_clip").GetDouble(),
        });
    }

    /// <summary>Events of the steps so far.</summary>
    public List<StepTaken> Steps { get; } = [];

    /// <summary>Values of all trained tensors after two steps.</summary>
    public IReadOnlyDictionary<string, float[]> AfterTwo { get; private set; } = new Dictionary<string, float[]>();

    /// <summary>What trains.</summary>
    public IReadOnlyList<TrainedTensor> Tensors => _trainable.Tensors;

    /// <summary>Trained tensors that never had a gradient.</summary>
    public IEnumerable<string> WithoutGradient()
    {
        HashSet<string> updated = [.. _optimizer.State().Select(s => s.Name)];
        return Tensors.Select(t => t.Name).Where(name => !updated.Contains(name));
    }

    /// <summary>Values of all trained tensors now.</summary>
    public IReadOnlyDictionary<string, float[]> Values() => Tensors.ToDictionary(t => t.Name, t => t.Value.ToHost<float>(), StringComparer.Ordinal);

    /// <summary>The shape that a trained tensor has in files.</summary>
    public long[] ShapeOf(TrainedTensor tensor)
    {
        Shape shape = _loaded.Model.Parts.Params.FirstOrDefault(p => ReferenceEquals(p.Value, tensor.Value))?.StoredShape ?? tensor.Value.Shape;
        return [.. Enumerable.Range(0, shape.Rank).Select(i => (long)shape[i])];
    }

    /// <summary>Trains all steps.</summary>
    public void Train(CancellationToken cancellation)
    {
        JsonElement hyper = _golden.GetProperty("hyper");
        LearningRateCurve curve = LearningRateCurve.Create(
            Schedule(hyper.GetProperty("schedule").GetString()!),
            hyper.GetProperty("lr").GetDouble(),
            hyper.GetProperty("warmup_steps").GetInt32(),
            hyper.GetProperty("total_steps").GetInt32(),
            new ScheduleSettings());
        new Trainer(new TrainerSetup
        {
            Model = _loaded.Model,
            Trainable = _trainable,
            Objective = new Sft(),
            Optimizer = _optimizer,
            Data = this,
            LearningRate = curve.At,
            Parameters = _session.Parameters,
            Listener = this,
            Options = new TrainerOptions
            {
                TotalSteps = _microBatches.Length,
                StepsPerEpoch = _microBatches.Length,
                Compute = _session.Compute,
                Dropout = false,
                MicroBatchMean = hyper.GetProperty("loss_normalisation").GetString()!.StartsWith("per micro-batch mean", StringComparison.Ordinal),
            },
        }).Run(cancellation, cancellation);
        cancellation.ThrowIfCancellationRequested();
    }

    /// <summary>Mean loss of every micro-batch with the weights as they are.</summary>
    public double[] Losses() => [.. _sources.Batches.Select(batch =>
    {
        using StepScope scope = _session.Scope(record: false);
        LossTerm term = new Sft().Compute(scope, _loaded.Model, batch)[0];
        return term.Sum.ToHost<float>()[0] / (double)term.Count;
    })];

    /// <inheritdoc/>
    public TrainingStep Next(int step, CancellationToken cancellation)
    {
        int[] chosen = _microBatches[step];
        return new TrainingStep([.. chosen.Select(i => _sources.Batches[i])], chosen.Sum(i => _sources.Samples[i].Sum(s => s.ImageCount)), []);
    }

    /// <inheritdoc/>
    public void On(RunEvent happened)
    {
        if (happened is StepTaken step)
        {
            Steps.Add(step);
            AfterTwo = step.Step == 2 ? Values() : AfterTwo;
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _optimizer.Dispose();
        foreach (TrainedTensor tensor in Tensors)
        {
            Parameters.Free(tensor.Value);
        }
    }

    /// <summary>The name of a full run says what stays frozen.</summary>
    private Trainable WholeModel()
    {
        string name = _golden.GetProperty("run").GetString()!;
        Func<string, bool> chosen = name switch
        {
            "full" => _ => true,
            // The reference freezes the whole module of the tower, also a connector that lies inside it.
            "full_vision_frozen" => parameter => !parameter.StartsWith(_loaded.Model.Towers[Tower.Vision] + ".", StringComparison.Ordinal),
            _ => throw new InvalidDataException($"the run '{name}' has no meta.peft, and is neither full nor full_vision_frozen"),
        };
        return Trainable.Of(_loaded.Model, _session.Parameters, chosen);
    }

    private Trainable Adapter(LoraConfig config, SafeTensorsFile init)
    {
        AdapterSet adapter = AdapterSet.Attach(_loaded.Model.Parts, _loaded.Model.LmHead, config, _session.Parameters, seed: 0);
        foreach ((string key, Tensor value) in adapter.Trained)
        {
            float[] values = init.ReadF32("init." + key);
            if (values.Length != value.Count)
            {
                throw new InvalidDataException($"{init.Path}: tensor 'init.{key}' is {init.Info("init." + key).Describe()}, this model needs {value.Shape}");
            }

            value.CopyFrom<float>(values);
        }


        // The reference runs of adapters have one group of parameters: biases decay with the rest.
        return Trainable.Of(adapter).WithDecayOnAll();
    }

    private static LearningRateSchedule Schedule(string name) =>
        Enum.TryParse(name.Replace("_", "", StringComparison.Ordinal), ignoreCase: true, out LearningRateSchedule schedule)
            ? schedule
            : throw new InvalidDataException($"the schedule '{name}' is not known");
}
