using System.Globalization;
using Lorikeet.Data;
using Lorikeet.Data.Sampling;
using Lorikeet.Models;
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

    /// <summary>What the user should know about the data, one sentence each.</summary>
    public IReadOnlyList<string> Notes => _notes;

    /// <summary>The training samples.</summary>
    public SampleLoader Train => _train ?? throw new InvalidOperationException("the training data is not open");

    /// <summary>Which rows each step consumes.</summary>
    public StepPlan Plan => _plan ?? throw new InvalidOperationException("the training data is not open");

    /// <summary>What must be the same for a checkpoint to be continued: the samples, their order and their grouping into steps.</summary>
    public string Identity => string.Create(
        CultureInfo.InvariantCulture,
        $"data={Train.Fingerprint} rows={Plan.Rows} batch={Plan.BatchSize} accumulation={Plan.Accumulation} seed={config.Train.Seed} shuffle={config.Data.Shuffle}");

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

    /// <summary>Opens the training samples and plans the steps.</summary>
    /// <exception cref="InvalidDataException">There is none, or the file is unusable.</exception>
    public void OpenTraining()
    {
        string path = config.Data.Train ?? throw new InvalidDataException("data.train is missing: give a data file");
        _train = Open(path, config.Data.TrainSplit, config.Data.MaxSamples);
        if (_train.Count == 0)
        {
            throw new InvalidDataException($"{path}: no sample to train on");
        }

        TrainSection t = config.Train;
        var sampler = new RowSampler(_train.Count, (ulong)t.Seed, config.Data.Shuffle);
        _plan = new StepPlan(_train.Count, t.PerDeviceTrainBatchSize, t.GradientAccumulationSteps, new RunLength(t.NumTrainEpochs, t.MaxSteps), (epoch, position) => sampler.Order(epoch)[position]);
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
        return new SampleLoader(dataset, processor, Encoding, d.MaxLength);
    }
}
