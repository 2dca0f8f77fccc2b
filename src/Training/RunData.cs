using System.Globalization;
using System.Security.Cryptography;
using Lorikeet.Data.Augment;
using Lorikeet.Data.Sampling;
using Lorikeet.Data;
using Lorikeet.Imaging.Video;
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
    private Dataset? _training;
    private SampleLoader? _train;
    private SampleLoader? _validation;
    private StepPlan? _plan;
    private SampleLengths? _lengths;

    /// <summary>What the user should know about the data, one sentence each.</summary>
    public IReadOnlyList<string> Notes => _notes;

    /// <summary>The training samples.</summary>
    public SampleLoader Train => _train ?? throw new InvalidOperationException("the training data is not open");

    /// <summary>Which rows each step consumes.</summary>
    public StepPlan Plan => _plan ?? throw new InvalidOperationException("the training data is not open");

    /// <summary>Samples of an epoch: as many as the data set has, or what the sources' weights make of them.</summary>
    public long SamplesPerEpoch { get; private set; }

    /// <summary>What must be the same for a checkpoint to be continued: the samples, their order and their grouping into steps.</summary>
    public string Identity => string.Create(
        CultureInfo.InvariantCulture,
        $"{Samples} rows={Plan.Rows} batch={Plan.BatchSize} accumulation={Plan.Accumulation} seed={config.Train.Seed} shuffle={config.Data.Shuffle} packing={config.Data.Packing}{(Train.Options.Augment is { } a ? $" augment={a.Identity}" : "")}");

    /// <summary>How conversations become tokens.</summary>
    public EncodeOptions Encoding => DataEncoding.Of(config.Data);

    /// <summary>How a run file has rows become samples.</summary>
    public static SampleOptions OptionsOf(RunConfig config) => new()
    {
        Encode = DataEncoding.Of(config.Data),
        MaxLength = config.Data.MaxLength,
        OnError = config.Data.OnError,
        OnOverflow = config.Data.OnOverflow,
    };

    /// <summary>Opens the training samples alone, as a check or a preview needs them; what is held out for evaluation is set aside.</summary>
    /// <exception cref="InvalidDataException">There are none, or a source is unusable.</exception>
    public SampleLoader OpenTrainingSamples(CancellationToken cancellation)
    {
        DataSources sources = config.Data.Train ?? throw new InvalidDataException("data.train is missing: give a data file");
        _training = Dataset.Open([.. sources.Items.Select(s => Options(s, config.Data.TrainSplit, config.Data.MaxSamples))], config.Data.StoppingStrategy, cancellation);
        if (config.Data.ValidationSplit is { } size)
        {
            _owned.Add(_training);
            (_training, Dataset heldOut) = _training.HoldOut(size, (ulong)config.Train.Seed);
            _validation = Loader(heldOut);
            _notes.Add(string.Create(CultureInfo.InvariantCulture, $"{heldOut.Count} samples are held out for evaluation, {_training.Count} are trained on."));
        }

        _train = Loader(_training, Augmenter());
        _notes.AddRange(_training.Notes);
        return _train;
    }

    /// <summary>Opens the training samples and plans the steps; with packing, measures every sample first.</summary>
    /// <param name="listener">Hears how far measuring has come.</param>
    /// <param name="cancellation">Gives up.</param>
    /// <exception cref="InvalidDataException">There is none, or a source is unusable.</exception>
    public void OpenTraining(IRunListener listener, CancellationToken cancellation)
    {
        SampleLoader train = OpenTrainingSamples(cancellation);
        RowPacks? packs = config.Data.Packing ? Pack(listener, cancellation) : null;
        if (packs?.Count == 0)
        {
            throw new InvalidDataException($"{config.Data.Train}: no sample to train on");
        }

        _plan = StepsOf(config, packs);
        SamplesPerEpoch = packs is null ? _plan.Rows : train.Count;
    }

    /// <summary>Which rows each step of a run file on these samples consumes.</summary>
    /// <param name="steps">The run file that says how many at a time.</param>
    /// <param name="packs">How they are packed; null where they are not.</param>
    public StepPlan StepsOf(RunConfig steps, RowPacks? packs)
    {
        TrainSection t = steps.Train;
        RowSampler sampler = packs is null
            ? _training!.Sampler((ulong)t.Seed, steps.Data.Shuffle)
            : new RowSampler(packs.Count, (ulong)t.Seed, steps.Data.Shuffle);
        var length = new RunLength(t.NumTrainEpochs, t.MaxSteps);
        return new StepPlan(sampler.Count, t.PerDeviceTrainBatchSize, t.GradientAccumulationSteps, length, (epoch, position) => sampler.Order(epoch)[position], packs);
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

    /// <summary>Opens the evaluation samples, which may have been held out of the training ones; null where the run has none.</summary>
    public SampleLoader? OpenEvaluation()
    {
        if (config.Data.Eval is not { } sources)
        {
            return _validation;
        }

        Dataset evaluation = Dataset.Open([.. sources.Items.Select(s => Options(s, null, null))], StoppingStrategy.AllExhausted);
        _notes.AddRange(evaluation.Notes);
        return Loader(evaluation);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        for (int i = _owned.Count - 1; i >= 0; i--)
        {
            _owned[i].Dispose();
        }
    }

    private DatasetOptions Options(DataSource source, string? split, long? maxSamples) => RunDatasets.Options(config.Data, source, split, maxSamples);

    private Augmenter? Augmenter()
    {
        Augmenter? augmenter = config.Data.Augment.IsEmpty ? null : Data.Augment.Augmenter.Create(config.Data.Augment.ToOptions(), processor.Tokenizer.SpecialTokens);
        _notes.AddRange(augmenter?.Notes ?? []);
        return augmenter;
    }

    private SampleLoader Loader(Dataset dataset, Augmenter? augmenter = null)
    {
        _owned.Add(dataset);
        return new SampleLoader(dataset, processor, OptionsOf(config) with { Augment = augmenter });
    }

    private string Samples => string.Create(
        CultureInfo.InvariantCulture,
        $"data={Train.Fingerprint} max_length={config.Data.MaxLength} on_error={config.Data.OnError} on_overflow={config.Data.OnOverflow} alpha={config.Data.Alpha} exif={config.Data.Exif} longest_edge={config.Data.LongestEdge} min_pixels={config.Data.MinPixels} max_pixels={config.Data.MaxPixels}{(config.Data.Reduction is { } r ? $" {r}" : "")}{(config.Data.Video is var v && v != new VideoSettings() ? $" {v}" : "")}");

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
