using System.Diagnostics;
using System.Text.Json.Nodes;
using Lorikeet.Adapters;
using Lorikeet.Data;
using Lorikeet.Models;
using Lorikeet.Tensors;
using Lorikeet.Training;
using Lorikeet.Training.Batching;
using Lorikeet.Training.Config;
using Lorikeet.Training.Optim;

namespace Lorikeet.Cli.Bench;

/// <summary>What <c>bench train</c> measures.</summary>
internal sealed record TrainBenchOptions(string Model, string Data)
{
    /// <summary>Steps; the first one isn't counted.</summary>
    public int Steps { get; init; } = 6;

    /// <summary>Rows per step.</summary>
    public int Batch { get; init; } = 4;

    /// <summary>Rank of the adapters.</summary>
    public int Rank { get; init; } = 8;

    /// <summary>Whether the model's own tensors train instead of adapters.</summary>
    public bool Full { get; init; }

    /// <summary>Whether blocks are computed again in the backward pass.</summary>
    public bool Checkpointing { get; init; }

    /// <summary>Whether the vision tower is left as it is.</summary>
    public bool FreezeVision { get; init; }

    /// <summary>Arithmetic of matrix products.</summary>
    public Compute Compute { get; init; } = Compute.BF16;

    /// <summary>Constant learning rate.</summary>
    public double LearningRate { get; init; } = 1e-4;

    /// <summary>A PEFT directory to start from, or null.</summary>
    public string? Adapter { get; init; }

    /// <summary>Whether the parts of a step are timed on a GPU too, which has to be waited for between them.</summary>
    public bool Phases { get; init; }

    /// <summary>What computes.</summary>
    public DeviceChoice Device { get; init; } = DeviceChoice.Auto;

    /// <summary>Threads; 0 means all.</summary>
    public int Threads { get; init; }
}

/// <summary>
/// Real training steps from raw files, timed: reading, decoding, forward, backward and update are the trainer's own. Settings are those
/// of a plain loop over transformers and PEFT, so that the two can be compared: loss on all tokens, rows in file order, gaussian
/// start, alpha = 2 r, AdamW of PyTorch's defaults, gradients clipped at 1.
/// </summary>
internal sealed class TrainBench(CliHost host, TrainBenchOptions options)
{
    private const string Projections = "q_proj k_proj v_proj o_proj gate_proj up_proj down_proj";
    private readonly ResidentMemory _memory = new();

    /// <summary>Runs the steps.</summary>
    /// <returns>What was measured; null if interrupted before the end.</returns>
    public JsonObject? Run()
    {
        using var session = new ComputeSession(host, options.Device, options.Compute, options.Threads == 0 ? null : options.Threads);
        ModelDirectory directory = ModelOpener.Directory(host, options.Model);
        long began = Stopwatch.GetTimestamp();
        using LoadedModel loaded = ModelCatalog.Load(directory, session.Parameters);
        double loadSeconds = Stopwatch.GetElapsedTime(began).TotalSeconds;
        loaded.Model.GradientCheckpointing = options.Checkpointing;
        Trainable trainable = Attach(loaded, session.Parameters);
        using Dataset dataset = OpenData();
        var peak = new MachinePeak(session);
        var watch = new StepWatch(loaded.Model, () => Between(peak), host.Messages.WriteLine)
        {
            Await = session.Gpu is { } gpu && options.Phases ? gpu.Synchronize : static () => { },
        };
        TrainResult result = Train(session, loaded, trainable, dataset, watch);
        return result.Interrupted ? null : new TrainBenchReport(options, watch.Steps, peak)
        {
            LoadSeconds = loadSeconds,
            Trainable = trainable.Count,
            PeakBytes = _memory.PeakBytes,
            Account = session.Arena.Account,
            Device = session.Device.Name,
            DevicePeakBytes = session.Gpu is { } used ? session.Arena.Account.Peak + used.ScratchBytes : null,
            HasPhases = session.Gpu is null || options.Phases,
        }.ToJson();
    }

    private Dataset OpenData()
    {
        string file = Path.Combine(options.Data, "train.jsonl");
        return File.Exists(file)
            ? Dataset.Open(new DatasetOptions { Path = file, ImageRoot = options.Data, Format = "messages" })
            : throw new InvalidDataException($"{file}: there is no such file; a directory with train.jsonl in messages format is expected (lorikeet bench make-data writes one)");
    }

    private Trainable Attach(LoadedModel loaded, Parameters parameters)
    {
        VisionLanguageModel model = loaded.Model;
        if (options.Full)
        {
            Trainable all = Trainable.Of(model, parameters, name => !(options.FreezeVision && model.TowerOf(name) == Tower.Vision));
            return all.WithDecayOnAll();
        }

        if (options.Adapter is { } directory)
        {
            foreach (string note in BaseIdentity.Require(directory, loaded))
            {
                host.Messages.WriteLine($"note: {note}");
            }

            return Trainable.Of(AdapterFile.Load(directory, model.Parts, model.LmHead, parameters)).WithDecayOnAll();
        }

        string[] names = Projections.Split(' ');
        var config = new LoraConfig
        {
            R = options.Rank,
            LoraAlpha = 2 * options.Rank,
            InitLoraWeights = LoraInit.Gaussian,
            TargetModules = options.FreezeVision
                ? ModuleMatch.OfPattern($@"{System.Text.RegularExpressions.Regex.Escape(model.Towers[Tower.Language])}\..*\.({string.Join('|', names)})")
                : ModuleMatch.OfNames(names),
        };
        return Trainable.Of(AdapterSet.Attach(model.Parts, model.LmHead, config, parameters, seed: 0)).WithDecayOnAll();
    }

    private TrainResult Train(ComputeSession session, LoadedModel loaded, Trainable trainable, Dataset dataset, StepWatch watch)
    {
        var loader = new SampleLoader(dataset, loaded.Processor, new SampleOptions { Encode = new EncodeOptions { Loss = LossOn.AllTokens } });

        // One long epoch that goes round the file: every batch is full, as in the loop that it is compared with.
        var plan = new StepPlan((long)options.Steps * options.Batch, options.Batch, 1, new RunLength(1, options.Steps), (_, row) => row % dataset.Count);
        using var data = new DatasetTraining(loader, plan, seed: null, startStep: 0);
        using var optimizer = new AdamW(session.Parameters, trainable.Tensors, new AdamWOptions { WeightDecay = 0.01 });
        var trainer = new Trainer(new TrainerSetup
        {
            Model = loaded.Model,
            Trainable = trainable,
            Objective = watch,
            Optimizer = optimizer,
            Data = watch.Over(data),
            LearningRate = watch.Constant(options.LearningRate),
            Parameters = session.Parameters,
            Listener = watch,
            Clock = host.Clock,
            Options = new TrainerOptions { TotalSteps = options.Steps, StepsPerEpoch = options.Steps, Compute = options.Compute },
        });
        return trainer.Run(host.Stop.Token, CancellationToken.None);
    }

    private double Between(MachinePeak peak)
    {
        double now = 0;
        _memory.Exclude(() => now = peak.Measure());
        return now;
    }
}
