using System.Globalization;
using Lorikeet.Adapters;
using Lorikeet.Cli.Hub;
using Lorikeet.Data;
using Lorikeet.Evaluation;
using Lorikeet.Generation;
using Lorikeet.Models;
using Lorikeet.Tensors;
using Lorikeet.Training;
using Lorikeet.Training.Config;

namespace Lorikeet.Cli.Evaluate;

/// <summary>A model that is evaluated.</summary>
/// <param name="Name">How reports call it.</param>
/// <param name="Model">The model directory.</param>
/// <param name="Adapter">The adapter directory, or null.</param>
/// <param name="Folder">Where its answers go.</param>
internal sealed record EvalSubject(string Name, string Model, string? Adapter, string Folder);

/// <summary>An evaluation with all choices made, from the command line and, where there is one, the run file.</summary>
internal sealed record EvalPlan
{
    private const string Base = "base";

    public required IReadOnlyList<EvalSubject> Subjects { get; init; }

    /// <summary>Opens the rows.</summary>
    public required Func<CancellationToken, Dataset> OpenData { get; init; }

    /// <summary>Only so many rows, or null.</summary>
    public long? MaxSamples { get; init; }

    public required EncodeOptions Encode { get; init; }

    public required EvaluationSettings Settings { get; init; }

    public required IReadOnlyList<IMetric> Metrics { get; init; }

    public required BootstrapOptions Bootstrap { get; init; }

    public required Compute Compute { get; init; }

    /// <summary>What computes.</summary>
    public required DeviceChoice Device { get; init; }

    public required string Output { get; init; }

    /// <summary>Makes the choices.</summary>
    /// <exception cref="InvalidDataException">Something is missing or contradictory.</exception>
    public static EvalPlan Make(CliHost host, EvalRequest request)
    {
        if (request.Adapter is not null && request.Compare is not null)
        {
            throw new InvalidDataException("--adapter and --compare exclude each other: --compare names both");
        }

        if (request.MaxSamples < 1)
        {
            throw new InvalidDataException(string.Create(CultureInfo.InvariantCulture, $"--max-samples: expected at least 1, found {request.MaxSamples}"));
        }

        IReadOnlyList<IMetric> metrics = MetricCatalog.Create(request.Metrics, new MetricOptions { NumericTolerance = request.NumericTolerance });
        (RunConfig? config, string model, string? adapter) = Resolve(host, request);
        string output = request.Output ?? DefaultOutput(request, config, model, adapter);
        var data = config?.Data ?? new DataSection();
        GenerationSection generation = config?.Generation ?? new GenerationSection();
        var sampling = new SamplingOptions
        {
            MaxNewTokens = request.MaxNewTokens ?? generation.MaxNewTokens,
            Temperature = request.Temperature ?? generation.Temperature,
            TopK = generation.TopK,
            TopP = generation.TopP,
            MinP = generation.MinP,
            TypicalP = generation.TypicalP,
            RepetitionPenalty = generation.RepetitionPenalty,
            StopStrings = request.Stop,
            Seed = request.Seed,
        };
        sampling.Validate();
        return new EvalPlan
        {
            Subjects = request.Compare is { } two
                ? Pair(model, two.A, two.B, output)
                : [new EvalSubject(adapter is null ? NameOf(model) : NameOf(adapter), model, adapter, output)],
            OpenData = cancellation => request.Data is { } path
                ? Rows(request with { Data = HubData.Path(host, path) }, config, cancellation)
                : Rows(request, config is null ? null : HubData.Located(host, config), cancellation),
            MaxSamples = request.MaxSamples,
            Encode = DataEncoding.Of(data),
            Settings = new EvaluationSettings
            {
                BatchSize = BatchOf(request, config),
                Sampling = sampling,
                SkipBadRows = request.SkipBadRows ?? data.OnError == RowErrorPolicy.Skip,
            },
            Metrics = metrics,
            Bootstrap = new BootstrapOptions { Resamples = request.Resamples, Seed = request.Seed },
            Compute = request.Compute ?? (config?.EffectiveCompute == ComputeType.Bfloat16 ? Compute.BF16 : Compute.F32),
            Device = request.Device ?? config?.Model.Device ?? DeviceChoice.Auto,
            Output = output,
        };
    }

    private static Dataset Rows(EvalRequest request, RunConfig? config, CancellationToken cancellation)
    {
        DataSection data = config?.Data ?? new DataSection();
        if (request.Data is { } path)
        {
            return Dataset.Open(
                new DatasetOptions
                {
                    Path = path,
                    ImageRoot = request.ImageRoot ?? data.ImageRoot,
                    Format = request.Format ?? data.Format,
                    Prompt = request.Prompt ?? data.Prompt,
                },
                cancellation);
        }

        if (request.ImageRoot is not null || request.Format is not null || request.Prompt is not null)
        {
            throw new InvalidDataException("--image-root, --format and --prompt belong to --data; for the run's own data give settings, such as --data.prompt");
        }

        return (config is null ? null : RunDatasets.OpenEvaluation(config, cancellation))
            ?? throw new InvalidDataException("there is no data to evaluate on: give --data FILE, or data.eval in the run file");
    }

    private static int BatchOf(EvalRequest request, RunConfig? config)
    {
        int size = request.BatchSize ?? (config ?? new RunConfig()).Train.PerDeviceEvalBatchSize;
        return size >= 1 ? size : throw new InvalidDataException(string.Create(CultureInfo.InvariantCulture, $"--per-device-eval-batch-size: expected at least 1, found {size}"));
    }

    /// <summary>The run file, the model and the adapter that the user means.</summary>
    private static (RunConfig? Config, string Model, string? Adapter) Resolve(CliHost host, EvalRequest request)
    {
        string target = request.Target;
        if (File.Exists(target))
        {
            (RunConfig config, IReadOnlyList<string> notes) = RunConfigReader.Load(target, host.Settings);
            foreach (string note in notes.Where(n => !n.Contains("the section generation ", StringComparison.Ordinal))) // has an effect here
            {
                host.Messages.WriteLine($"note: {note}");
            }

            string model = HubModels.OfRun(host, config.Model.Path ?? throw new InvalidDataException($"{target}: model.path is missing: give the directory of a model"));
            return Finished(host, request, config, model);
        }

        if (Path.GetExtension(target) is ".yaml" or ".yml")
        {
            throw new InvalidDataException($"{target}: there is no such run file");
        }

        bool isAdapter = File.Exists(Path.Combine(target, AdapterFile.ConfigName)) && !File.Exists(Path.Combine(target, "config.json"));
        string runFile = Path.Combine(target, "run.yaml");
        RunConfig? saved = File.Exists(runFile) ? RunConfigReader.Load(runFile, host.Settings).Config : null;
        if (saved is null && host.Settings.Count > 0)
        {
            throw new InvalidDataException($"{host.Settings[0]} is a setting of a run file, and {target} is none and holds none");
        }

        if (!isAdapter)
        {
            return (saved, HubModels.Directory(host, target), Chosen(request, null));
        }

        LoraConfig adapter = AdapterFile.ReadConfig(target);
        string baseModel = HubModels.Directory(host, adapter.BaseModelNameOrPath, adapter.Revision);
        host.Messages.WriteLine($"note: {target} is an adapter; its base is {baseModel}");
        return (saved, baseModel, Chosen(request, target));
    }

    /// <summary>What a run has made so far: its adapter, its whole model, or nothing.</summary>
    private static (RunConfig Config, string Model, string? Adapter) Finished(CliHost host, EvalRequest request, RunConfig config, string model)
    {
        string made = config.Train.OutputDir!;
        if (request.Adapter is not null || request.Compare is not null)
        {
            return (config, model, Chosen(request, null));
        }

        if (File.Exists(Path.Combine(made, AdapterFile.ConfigName)))
        {
            host.Messages.WriteLine($"note: evaluating the run's adapter in {made}; --adapter base evaluates the model alone");
            return (config, model, made);
        }

        if (File.Exists(Path.Combine(made, "config.json")))
        {
            host.Messages.WriteLine($"note: evaluating the run's model in {made}");
            return (config, made, null);
        }

        host.Messages.WriteLine($"note: {made} holds no adapter yet; evaluating the model alone");
        return (config, model, null);
    }

    private static string? Chosen(EvalRequest request, string? own) => request.Adapter switch
    {
        null => own,
        Base => null,
        var directory => directory,
    };

    private static IReadOnlyList<EvalSubject> Pair(string model, string a, string b, string output)
    {
        bool sameName = NameOf(a) == NameOf(b);
        EvalSubject Subject(string spec, string folder)
        {
            (string of, string? adapter) = spec == Base ? (model, null)
                : File.Exists(Path.Combine(spec, "config.json")) || FullCheckpoint.Is(spec) ? (spec, null)
                : (model, spec);
            return new EvalSubject(sameName ? spec : NameOf(spec), of, adapter, Path.Combine(output, folder));
        }

        return Path.GetFullPath(a) == Path.GetFullPath(b)
            ? throw new InvalidDataException($"--compare: both are {a}; give two different ones")
            : [Subject(a, "a"), Subject(b, "b")];
    }

    private static string NameOf(string path) => path == Base ? Base : Path.GetFileName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(path)));

    private static string DefaultOutput(EvalRequest request, RunConfig? config, string model, string? adapter)
    {
        string kind = request.Compare is null ? "eval" : "compare";
        bool isOwn = config is not null && request.Adapter is null;
        return Checkpoint.Is(adapter ?? model) ? BesideCheckpoint(adapter ?? model, kind)
            : adapter is not null ? Path.Combine(adapter, kind)
            : isOwn && config!.Train.OutputDir is { } run ? Path.Combine(run, kind)
            : Path.Combine("runs", kind, NameOf(model));
    }

    /// <summary>A checkpoint goes away when newer ones come, so its results lie beside it: <c>eval-checkpoint-N</c>.</summary>
    private static string BesideCheckpoint(string checkpoint, string kind)
    {
        string path = Path.TrimEndingDirectorySeparator(Path.GetFullPath(checkpoint));
        return Path.Combine(Path.GetDirectoryName(path)!, $"{kind}-{Path.GetFileName(path)}");
    }
}
