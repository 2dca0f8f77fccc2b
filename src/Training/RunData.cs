using System.Globalization;
using System.Security.Cryptography;
using Lorikeet.Data;
using Lorikeet.Data.Sampling;
using Lorikeet.Models;
using Lorikeet.Tracking;
using Lorikeet.Training.Batching;
using Lorikeet.Training.Config;

namespace Lorikeet.Training;

/// <summary>The data of a run, opened as the run file says. Owns what it opened.</summary>
/// <param name="config">The run file.</param>
/// <param name="processor">The model's processor.</param>
internal sealed class RunData(RunConfig config, Processor processor) : IDisposable
{
    private readonly List<IDisposable> _owned = [];
    private readonly List<string> _notes = [];
    private SampleLoader? _train;
    private StepPlan? _plan;
    private SampleLengths? _lengths;

    /// <summary>What the user should know about the data, one sentence each.</summary>
    public IReadOnlyList<string> Notes => _notes;

    /// <summary>The training samples.</summary>
    public SampleLoader Train => _train ?? throw new InvalidOperationException("the training data is not open");

    /// <summary>Which rows each step consumes.</summary>
    public StepPlan Plan => _plan ?? throw new InvalidOperationException("the training data is not open");

    /// <summary>What must be the same for a checkpoint to be continued: the samples, their order and their grouping into steps.</summary>
    public string Identity => string.Create(
        CultureInfo.InvariantCulture,
        $"{Samples} rows={Plan.Rows} batch={Plan.BatchSize} accumulation={Plan.Accumulation} seed={config.Train.Seed} shuffle={config.Data.Shuffle} packing={config.Data.Packing}");

    /// <summary>How conversations become tokens.</summary>
    public EncodeOptions Encoding => new()
    {
        Loss = config.Data.AssistantOnlyLoss ? LossOn.AssistantTurns : LossOn.AllTokens,
        Images = new ImageOptions
        {
            Alpha = config.Data.Alpha == AlphaPolicy.White ? Imaging.AlphaHandling.White : Imaging.AlphaHandling.Reference,
            ApplyExif = config.Data.Exif == ExifPolicy.Apply,
            LongestEdge = config.Data.LongestEdge,
        },
    };

    /// <summary>Opens the training samples and plans the steps; with packing, measures every sample first.</summary>
    /// <param name="listener">Hears how far measuring has come.</param>
    /// <param name="cancellation">Gives up.</param>
    /// <exception cref="InvalidDataException">There is none, or the file is unusable.</exception>
    public void OpenTraining(IRunListener listener, CancellationToken cancellation)
    {
        string path = config.Data.Train ?? throw new InvalidDataException("data.train is missing: give a data file");
        _train = Open(path, config.Data.TrainSplit, config.Data.MaxSamples);
        RowPacks? packs = config.Data.Packing ? Pack(listener, cancellation) : null;
        long units = packs?.Count ?? _train.Count;
        if (units == 0)
        {
            throw new InvalidDataException($"{path}: no sample to train on");
        }

        TrainSection t = config.Train;
        var sampler = new RowSampler(units, (ulong)t.Seed, config.Data.Shuffle);
        var length = new RunLength(t.NumTrainEpochs, t.MaxSteps);
        _plan = new StepPlan(units, t.PerDeviceTrainBatchSize, t.GradientAccumulationSteps, length, (epoch, position) => sampler.Order(epoch)[position], packs);
    }

    /// <summary>Keeps what was measured in the output directory, and lists rows that measuring left out.</summary>
    public void SaveLengths(Quarantine quarantine)
    {
        if (_lengths is null)
        {
            return;
        }

        _lengths.Save(LengthsPath);
        foreach (RowRemark remark in _lengths.Remarks)
        {
            quarantine.Add(remark);
        }
    }

    /// <summary>Opens the evaluation samples; null where the run has none.</summary>
    public SampleLoader? OpenEvaluation() => config.Data.Eval is { } path ? Open(path, null, null) : null;

    /// <inheritdoc/>
    public void Dispose()
    {
        for (int i = _owned.Count - 1; i >= 0; i--)
        {
            _owned[i].Dispose();
        }
    }

    private SampleLoader Open(string path, string? split, long? maxSamples)
    {
        DataSection d = config.Data;
        Dataset dataset = Dataset.Open(new DatasetOptions
        {
            Path = path,
            ImageRoot = d.ImageRoot,
            Format = d.Format,
            Split = split,
            MaxSamples = maxSamples,
            Prompt = d.Prompt,
        });
        _owned.Add(dataset);
        _notes.AddRange(dataset.Notes);
        return new SampleLoader(dataset, processor, new SampleOptions { Encode = Encoding, MaxLength = d.MaxLength, OnError = d.OnError, OnOverflow = d.OnOverflow });
    }

    private string Samples => string.Create(
        CultureInfo.InvariantCulture,
        $"data={Train.Fingerprint} max_length={config.Data.MaxLength} on_error={config.Data.OnError} on_overflow={config.Data.OnOverflow}");

    private string LengthsPath => Path.Combine(config.Train.OutputDir!, SampleLengths.FileName);

    private RowPacks Pack(IRunListener listener, CancellationToken cancellation)
    {
        string identity = Convert.ToHexStringLower(SHA256.HashData(System.Text.Encoding.UTF8.GetBytes(
            $"{Samples} {Encoding} {Encoding.Images} {processor.Template.Source} {BaseIdentity.ProcessorHash(processor.Directory)}")));
        _lengths = SampleLengths.Read(LengthsPath, identity)
            ?? SampleLengths.Measure(Train, identity, (done, total) => listener.On(new Progressed { Activity = "measuring samples", Done = done, Total = total }), cancellation);
        int capacity = config.Data.MaxLength ?? throw new InvalidDataException("data.packing needs data.max_length, the tokens of a pack");
        RowPacks packs = RowPacks.BestFit(_lengths.Tokens, capacity);
        _notes.Add(string.Create(CultureInfo.InvariantCulture, $"packing: {packs.Rows} samples in {packs.Count} packs of up to {capacity} tokens, {packs.Fill:P0} full"));
        return packs;
    }
}
