using System.Globalization;
using Lorikeet.Data;
using Lorikeet.Imaging;
using Lorikeet.Models;
using Lorikeet.Tensors;

namespace Lorikeet.Training.Batching;

/// <summary>Reads rows, decodes their pictures and encodes them; every error names the row.</summary>
/// <param name="dataset">The rows.</param>
/// <param name="processor">The model's processor.</param>
/// <param name="options">How conversations become tokens.</param>
/// <param name="maxLength">Longest sample in tokens, or null.</param>
public sealed class SampleLoader(Dataset dataset, Processor processor, EncodeOptions options, int? maxLength)
{
    /// <summary>Number of samples.</summary>
    public long Count => dataset.Count;

    /// <summary>Identity of the samples and their order.</summary>
    public string Fingerprint => dataset.Fingerprint;

    /// <summary>Where a sample's row stands, <c>file:line</c>.</summary>
    public string Describe(long index) => dataset.Describe(index);

    /// <summary>One encoded sample.</summary>
    /// <exception cref="InvalidDataException">The row, a picture or the length is unusable; the message begins with file:line.</exception>
    public EncodedSample Load(long index)
    {
        Sample sample = dataset.Read(index);
        Image[] images = [.. sample.Images.Select(image => image.Decode())];
        EncodedSample encoded;
        try
        {
            encoded = processor.Encode(new Conversation(sample.Messages, images), options);
        }
        catch (InvalidDataException e)
        {
            throw new InvalidDataException($"{sample.Origin}: {e.Message}", e);
        }

        if (maxLength is { } limit && encoded.Ids.Length > limit)
        {
            throw new InvalidDataException(string.Create(
                CultureInfo.InvariantCulture,
                $"{sample.Origin}: the sample has {encoded.Ids.Length} tokens ({encoded.ImageCount} pictures), data.max_length is {limit}. Nothing is cut off: raise data.max_length, make the pictures smaller (data.longest_edge) or shorten the text."));
        }

        if (options.Loss != LossOn.Nothing && encoded.Supervised == 0)
        {
            throw new InvalidDataException($"{sample.Origin}: no token of this sample carries loss. Give it an answer by the assistant, or set data.assistant_only_loss: false.");
        }

        return encoded;
    }

    /// <summary>A batch of rows as model input.</summary>
    /// <param name="rows">The rows, with their epochs.</param>
    /// <param name="seed">Of the run, or null where nothing is dropped.</param>
    /// <param name="images">Receives the number of pictures.</param>
    public ModelInput LoadBatch(IReadOnlyList<PlannedRow> rows, ulong? seed, out int images)
    {
        EncodedSample[] samples = [.. rows.Select(row => Load(row.Row))];
        images = samples.Sum(s => s.ImageCount);
        return processor.Collate(samples, seed is { } s ? [.. rows.Select(row => Rng.Key(s, (ulong)row.Epoch, (ulong)row.Row))] : null);
    }
}

/// <summary>Training steps from a data set: reading, decoding and encoding run ahead of the computation on other threads.</summary>
public sealed class DatasetTraining : ITrainingData, IDisposable
{
    private const int StepsAhead = 2;
    private readonly SampleLoader _loader;
    private readonly StepPlan _plan;
    private readonly ulong? _seed;
    private readonly Prefetcher<TrainingStep> _prefetcher;

    /// <summary>Starts reading ahead.</summary>
    /// <param name="loader">The rows.</param>
    /// <param name="plan">Which rows each step consumes.</param>
    /// <param name="seed">Of dropout, or null without.</param>
    /// <param name="startStep">First step to deliver.</param>
    public DatasetTraining(SampleLoader loader, StepPlan plan, ulong? seed, int startStep)
    {
        _loader = loader;
        _plan = plan;
        _seed = seed;
        _prefetcher = new Prefetcher<TrainingStep>(startStep, plan.TotalSteps, Load, StepsAhead);
    }

    /// <inheritdoc/>
    public TrainingStep Next(int step, CancellationToken cancellation)
    {
        if (_prefetcher.Position != step || !_prefetcher.TryTake(out TrainingStep input, cancellation))
        {
            throw new InvalidOperationException(string.Create(CultureInfo.InvariantCulture, $"step {step} was asked for, {_prefetcher.Position} is next"));
        }

        return input;
    }

    /// <inheritdoc/>
    public void Dispose() => _prefetcher.Dispose();

    private TrainingStep Load(long step, CancellationToken cancellation)
    {
        var batches = new List<ModelInput>();
        var origins = new List<string>();
        int images = 0;
        foreach (IReadOnlyList<PlannedRow> rows in _plan.Step((int)step))
        {
            cancellation.ThrowIfCancellationRequested();
            batches.Add(_loader.LoadBatch(rows, _seed, out int count));
            images += count;
            origins.AddRange(rows.Select(row => _loader.Describe(row.Row)));
        }

        return new TrainingStep(batches, images, origins);
    }
}
