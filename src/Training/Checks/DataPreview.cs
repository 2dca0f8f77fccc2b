using System.Globalization;
using Lorikeet.Data;
using Lorikeet.Data.Augment;
using Lorikeet.Data.Sampling;
using Lorikeet.Models;
using Lorikeet.Training.Batching;
using Lorikeet.Training.Config;

namespace Lorikeet.Training.Checks;

/// <summary>
/// Shows samples of a run as training would take them: the same loader, the same options, so that the mask shown is the mask trained on.
/// </summary>
public sealed class DataPreview : IDisposable
{
    private readonly RunData _data;
    private readonly Processor _processor;
    private readonly SampleLoader _loader;
    private readonly SampleCheck _check;

    private readonly ulong _seed;

    private DataPreview(RunData data, SampleLoader loader, Processor processor, ulong seed) =>
        (_data, _loader, _processor, _check, _seed) = (data, loader, processor, loader.Checker(), seed);

    /// <summary>Number of samples.</summary>
    public long Count => _loader.Count;

    /// <summary>The data as the user named it.</summary>
    public string Path => _loader.Path;

    /// <summary>What the user should know about the data, one sentence each.</summary>
    public IReadOnlyList<string> Notes => _data.Notes;

    /// <summary>Opens the data of a run.</summary>
    /// <param name="config">The run file.</param>
    /// <param name="processor">The model's processor.</param>
    /// <param name="evaluation">The evaluation data instead of the training data.</param>
    /// <exception cref="InvalidDataException">There is no such data, or it is unusable.</exception>
    public static DataPreview Open(RunConfig config, Processor processor, bool evaluation)
    {
        ArgumentNullException.ThrowIfNull(config);
        var data = new RunData(config, processor);
        try
        {
            // Held-out samples are known once the training data is open.
            SampleLoader? loader = !evaluation || config.Data.Eval is null ? data.OpenTrainingSamples(CancellationToken.None) : null;
            loader = !evaluation ? loader! : data.OpenEvaluation() ?? throw new InvalidDataException("the run file has no evaluation data (data.eval, data.validation_split)");
            return new DataPreview(data, loader, processor, (ulong)config.Train.Seed);
        }
        catch
        {
            data.Dispose();
            throw;
        }
    }

    /// <summary>Some samples at random, each once, in the data's order.</summary>
    /// <param name="samples">How many; all where there are fewer.</param>
    /// <param name="seed">Decides which.</param>
    public IReadOnlyList<long> Choose(int samples, ulong seed)
    {
        EpochOrder order = new RowSampler(Count, seed, shuffle: true).Order(0);
        return [.. Enumerable.Range(0, (int)Math.Min(samples, Count)).Select(i => order[i]).Order()];
    }

    /// <summary>A sample.</summary>
    /// <param name="index">0-based number in the data.</param>
    /// <param name="epoch">0-based epoch, which decides what augmentation does.</param>
    public SampleView View(long index, int epoch = 0)
    {
        SampleVerdict verdict = _check.Judge(index, PictureReading.Header);
        var view = new SampleView
        {
            Index = index,
            Origin = verdict.Origin,
            Notes = [.. verdict.Findings.Where(f => !f.IsError).Select(f => f.Message)],
        };
        try
        {
            (EncodedSample? sample, RowRemark? remark, AugmentCounts? augmented) = _loader.Load(new PlannedRow(epoch, index), _seed);
            view = augmented?.ToString() is { } changes
                ? view with { Notes = [.. view.Notes, string.Create(CultureInfo.InvariantCulture, $"as epoch {epoch + 1} has it: {changes}")] }
                : view;
            return sample is null
                ? view with { Problem = $"left out: {remark?.Reason}" }
                : view with { Tokens = TokenView.Of(sample, _processor.Tokenizer), Pictures = Pictures(verdict, sample) };
        }
        catch (InvalidDataException e)
        {
            return view with { Problem = Finding.Of(FindingKind.CannotEncode, verdict.Origin, e.Message).Message };
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _data.Dispose();

    private PictureView[] Pictures(SampleVerdict verdict, EncodedSample sample)
    {
        if (sample.Layout is not { } layout || verdict.Sample is not { } row)
        {
            return [];
        }

        IReadOnlyList<Imaging.Image> seen = _processor.Visible(sample);
        int image = 0, video = 0;
        return [.. layout.Pictures.Select((shape, i) =>
        {
            if (shape.Frames > 0)
            {
                VideoSource source = row.Videos[video];
                return new PictureView(source.FilePath ?? source.Title, verdict.Videos[video++].Clip.Info.Size, shape, seen[i]);
            }

            ImageSource picture = row.Images[image];
            return new PictureView(picture.FilePath ?? picture.Name, verdict.Pictures[image++].Stored, shape, seen[i]);
        })];
    }
}
