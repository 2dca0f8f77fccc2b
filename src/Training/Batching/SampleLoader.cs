using System.Globalization;
using Lorikeet.Data;
using Lorikeet.Data.Augment;
using Lorikeet.Imaging;
using Lorikeet.Imaging.Video;
using Lorikeet.Models;
using Lorikeet.Tensors;
using Lorikeet.Training.Checks;
using Lorikeet.Training.Config;

namespace Lorikeet.Training.Batching;

/// <summary>How rows become samples, and what happens to those that cannot.</summary>
public sealed record SampleOptions
{
    /// <summary>How conversations become tokens.</summary>
    public EncodeOptions Encode { get; init; } = new();

    /// <summary>Longest sample in tokens, or null.</summary>
    public int? MaxLength { get; init; }

    /// <summary>What happens at a row that cannot be used.</summary>
    public RowErrorPolicy OnError { get; init; }

    /// <summary>What happens at a sample that is longer than <see cref="MaxLength"/>.</summary>
    public OverflowPolicy OnOverflow { get; init; }

    /// <summary>Random changes in each epoch, or null; for training only.</summary>
    public Augmenter? Augment { get; init; }
}

/// <summary>
/// Reads rows, decodes their pictures and encodes them; every error names the row. What it does depends on the row alone, and with
/// augmentation on the seed and the epoch.
/// </summary>
/// <param name="dataset">The rows.</param>
/// <param name="processor">The model's processor.</param>
/// <param name="options">How rows become samples.</param>
public sealed class SampleLoader(Dataset dataset, Processor processor, SampleOptions options)
{
    private const ulong AugmentStream = 0x61756731;

    /// <summary>Number of samples.</summary>
    public long Count => dataset.Count;

    /// <summary>The rows.</summary>
    public Dataset Rows => dataset;

    /// <summary>Identity of the samples and their order.</summary>
    public string Fingerprint => dataset.Fingerprint;

    /// <summary>The data as the user named it.</summary>
    public string Path => dataset.Path;

    /// <summary>How rows become samples.</summary>
    public SampleOptions Options => options;

    /// <summary>Where a sample's row stands, <c>file:line</c>.</summary>
    public string Describe(long index) => dataset.Describe(index);

    /// <summary>The same rows, made into samples in another way.</summary>
    /// <param name="other">How.</param>
    public SampleLoader With(SampleOptions other) => new(dataset, processor, other);

    /// <summary>One encoded sample.</summary>
    /// <param name="index">0-based number of the row.</param>
    /// <param name="augmentKey">What the random changes of the sample are drawn from; null for the sample as it is.</param>
    /// <exception cref="InvalidDataException">The row, a picture or the length is unusable and is not to be left out; the message begins with file:line.</exception>
    public LoadedSample Load(long index, ulong? augmentKey = null) => Guarded(index, sample =>
    {
        Image[] images = [.. sample.Images.Select(image => image.Decode())];
        AugmentCounts? counts = null;
        if (augmentKey is { } key && options.Augment is { } augmenter)
        {
            if (Augmented(augmenter, sample, images, key) is { } augmented)
            {
                return augmented;
            }

            counts = AugmentCounts.LeftAlone();
        }

        bool upright = options.Encode.Images.ApplyExif;
        PixelSize[] sizes = [.. images.Select(image => upright ? image.Upright() : image).Select(image => new PixelSize(image.Width, image.Height))];
        VideoClip[] videos = Open(sample);
        var media = new MediaSizes(sizes, [.. videos.Select(video => video.Info)]);
        return Fitted(index, sample, media, encode => processor.Encode(new Conversation(sample.Messages, images) { Videos = videos }, encode)) with { Augmented = counts };
    });

    /// <summary>One encoded sample as an epoch of training takes it.</summary>
    /// <param name="row">The row, with its epoch.</param>
    /// <param name="seed">Of the run, or null for the sample as it is.</param>
    /// <exception cref="InvalidDataException">As the other.</exception>
    public LoadedSample Load(PlannedRow row, ulong? seed) =>
        Load(row.Row, options.Augment is null || seed is not { } s ? null : Rng.Key(s, AugmentStream, (ulong)row.Epoch, (ulong)row.Row));

    /// <summary>One sample as tokens without pixels: pictures are not decoded, only their headers are read.</summary>
    /// <exception cref="InvalidDataException">As <see cref="Load(long, ulong?)"/>, but for damage behind a picture's header.</exception>
    public LoadedSample Measure(long index) => Guarded(index, sample =>
    {
        MediaSizes media = SizesOf(sample);
        return Fitted(index, sample, media, encode => processor.Measure(sample.Messages, media, encode));
    });

    /// <summary>A batch of rows as model input.</summary>
    /// <param name="rows">The rows, with their epochs.</param>
    /// <param name="seed">Of the run, or null where nothing is dropped.</param>
    public LoadedBatch LoadBatch(IReadOnlyList<PlannedRow> rows, ulong? seed) => Batch(rows, seed, Load);

    /// <summary>As <see cref="LoadBatch"/> with pictures that show nothing, for planning: no picture is decoded.</summary>
    /// <param name="rows">The rows, with their epochs.</param>
    /// <param name="seed">Of the run, or null where nothing is dropped.</param>
    public LoadedBatch OutlineBatch(IReadOnlyList<PlannedRow> rows, ulong? seed) => Batch(rows, seed, (row, _) => Outline(row.Row));

    private LoadedSample Outline(long index) => Guarded(index, sample =>
    {
        MediaSizes media = SizesOf(sample);
        return Fitted(index, sample, media, encode => processor.WithBlankPixels(processor.Measure(sample.Messages, media, encode), media, encode));
    });

    private VideoClip[] Open(Sample sample) => [.. sample.Videos.Select(video => video.Open(options.Encode.Images.ApplyExif))];

    private MediaSizes SizesOf(Sample sample) => new(
        [.. sample.Images.Select(image => image.ReadSize(options.Encode.Images.ApplyExif))], [.. Open(sample).Select(video => video.Info)]);

    private LoadedBatch Batch(IReadOnlyList<PlannedRow> rows, ulong? seed, Func<PlannedRow, ulong?, LoadedSample> load)
    {
        var samples = new List<EncodedSample>();
        var keys = new List<ulong>();
        var remarks = new List<RowRemark>();
        var augmented = new AugmentCounts();
        foreach (PlannedRow row in rows)
        {
            (EncodedSample? sample, RowRemark? remark, AugmentCounts? counts) = load(row, seed);
            augmented.Add(counts ?? new AugmentCounts());
            if (remark is not null)
            {
                remarks.Add(remark);
            }

            if (sample is not null)
            {
                samples.Add(sample);
                keys.Add(Rng.Key(seed ?? 0, (ulong)row.Epoch, (ulong)row.Row));
            }
        }

        ModelInput? input = samples.Count == 0 ? null : processor.Collate(samples, seed is null ? null : keys);
        return new LoadedBatch(input, samples.Sum(s => s.ImageCount), remarks, augmented);
    }

    /// <summary>The sample with its random changes; null where they make it longer than allowed: then it is used as it is.</summary>
    private LoadedSample? Augmented(Augmenter augmenter, Sample sample, Image[] images, ulong key)
    {
        Image[] prepared = [.. images.Select(options.Encode.Images.Prepare)];
        AugmentedSample changed = augmenter.Apply(sample, prepared, key);
        EncodedSample encoded;
        try
        {
            encoded = processor.Encode(new Conversation(changed.Messages, changed.Images) { Videos = Open(sample) }, options.Encode with { Images = options.Encode.Images.AfterPreparing() });
        }
        catch (InvalidDataException e)
        {
            throw new InvalidDataException($"{sample.Origin}: {e.Message}", e);
        }

        bool isUsable = (options.MaxLength is not { } limit || encoded.Ids.Length <= limit) && (options.Encode.Loss == LossOn.Nothing || encoded.Supervised > 0);
        return isUsable ? new LoadedSample(encoded, null, changed.Counts) : null;
    }

    /// <summary>Judges rows as this loader takes them, without stopping at the first thing that is wrong.</summary>
    /// <param name="hashesPictures">Whether verdicts tell the content of pictures.</param>
    public SampleCheck Checker(bool hashesPictures = false) => new(dataset, processor, this) { HashesPictures = hashesPictures };

    /// <summary>A row's sample as its length and the options allow it, or what is wrong with it.</summary>
    internal (LoadedSample Loaded, Finding? Error) Fit(long index, Sample sample, MediaSizes media, Func<EncodeOptions, EncodedSample> encode)
    {
        (EncodedSample? encoded, RowRemark? remark, Finding? error) = FitLength(index, sample, media, encode);
        if (encoded is not null && options.Encode.Loss != LossOn.Nothing && encoded.Supervised == 0)
        {
            error = new Finding(FindingKind.NoLoss, sample.Origin, "no token of this sample carries loss. Give it an answer by the assistant, or set data.loss_on: all_tokens.");
        }

        return (new LoadedSample(error is null ? encoded : null, remark) { Sizes = media.InTextOrder(sample.Messages) }, error);
    }

    private LoadedSample Guarded(long index, Func<Sample, LoadedSample> load)
    {
        try
        {
            return load(dataset.Read(index));
        }
        catch (InvalidDataException e) when (options.OnError == RowErrorPolicy.Skip && RowFaults.Of(e) != RowFault.File)
        {
            return new LoadedSample(null, new RowRemark(index, Describe(index), RowAction.Skipped, e.Message));
        }
    }

    private LoadedSample Fitted(long index, Sample sample, MediaSizes media, Func<EncodeOptions, EncodedSample> encode)
    {
        (LoadedSample loaded, Finding? error) = Fit(index, sample, media, encode);
        return error is null ? loaded : throw new InvalidDataException(error.ToString());
    }

    private (EncodedSample? Encoded, RowRemark? Remark, Finding? Error) FitLength(long index, Sample sample, MediaSizes media, Func<EncodeOptions, EncodedSample> encode)
    {
        EncodedSample encoded;
        try
        {
            encoded = encode(options.Encode);
        }
        catch (InvalidDataException e)
        {
            return (null, null, new Finding(FindingKind.CannotEncode, sample.Origin, e.Message));
        }

        if (options.MaxLength is not { } limit || encoded.Ids.Length <= limit)
        {
            return (encoded, null, null);
        }

        string length = string.Create(CultureInfo.InvariantCulture, $"the sample has {encoded.Ids.Length} tokens ({encoded.ImageCount} pictures), data.max_length is {limit}");
        switch (options.OnOverflow)
        {
            case OverflowPolicy.Drop:
                return (null, new RowRemark(index, sample.Origin, RowAction.Dropped, length), null);
            case OverflowPolicy.Downscale when Downscale.LongestEdge(processor, sample, media, options.Encode, limit) is { } edge:
                EncodedSample smaller = encode(options.Encode with { Images = options.Encode.Images with { LongestEdge = edge } });
                string now = string.Create(CultureInfo.InvariantCulture, $"{length}; with longest_edge {edge} it has {smaller.Ids.Length} (pictures: {string.Join("; ", smaller.Layout!.Pictures)})");
                return (smaller, new RowRemark(index, sample.Origin, RowAction.Downscaled, now), null);
            case OverflowPolicy.Downscale:
                return TooLong("and no smaller size of its pictures makes it fit. Nothing is cut off: raise data.max_length or shorten the text.", ", ");
            default:
                return TooLong("Nothing is cut off: raise data.max_length, make the pictures smaller (data.longest_edge, or data.on_overflow: downscale), leave such samples out (data.on_overflow: drop) or shorten the text.", ". ");
        }

        (EncodedSample?, RowRemark?, Finding?) TooLong(string advice, string joint) => (null, null, new Finding(FindingKind.TooLong, sample.Origin, length + joint + advice));
    }
}
