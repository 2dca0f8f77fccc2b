using Lorikeet.Data;
using Lorikeet.Evaluation;
using Lorikeet.Generation;
using Lorikeet.Models;
using Lorikeet.Tensors;
using Lorikeet.Tracking;

namespace Lorikeet.Training.Evaluating;

/// <summary>
/// Lets the model answer the first samples of the evaluation data, the same ones at every evaluation. The draws are keyed by seed and
/// sample alone, and nothing of training is touched: no dropout, no generator state, memory from the same account.
/// </summary>
/// <param name="loaded">The model.</param>
/// <param name="parameters">Where tensors live.</param>
/// <param name="rows">The evaluation data.</param>
/// <param name="options">How many, and how.</param>
internal sealed class SampleReplies(LoadedModel loaded, Parameters parameters, Dataset rows, SampleRepliesOptions options)
{
    /// <summary>Answers the samples and tells each answer, in the order of the samples.</summary>
    /// <param name="step">The step after which it happens.</param>
    /// <param name="listener">Hears the answers.</param>
    /// <param name="cancellation">Stops between tokens.</param>
    /// <returns>The metrics of the answers by name; null if there is no sample.</returns>
    public IReadOnlyDictionary<string, double>? Run(int step, IRunListener listener, CancellationToken cancellation)
    {
        Sample[] samples = [.. Samples()];
        var generator = new BatchGenerator(loaded, parameters, options.Compute, new BatchOptions { BatchSize = options.BatchSize });
        var answers = new Answer[samples.Length];
        int done = 0;
        foreach (BatchAnswer answer in generator.Stream(samples.Select((sample, i) => new BatchPrompt(i, Prompt(sample))), options.Sampling, cancellation))
        {
            answers[answer.Key] = answer.Answer;
            listener.On(new Progressed { Activity = "answering samples", Done = ++done, Total = samples.Length });
        }

        for (int i = 0; i < samples.Length; i++)
        {
            listener.On(Told(step, i, samples[i], answers[i]));
        }

        if (samples.Length == 0)
        {
            return null;
        }

        Prediction[] predictions = [.. samples.Zip(answers, (sample, answer) => new Prediction(answer.Text, Right(sample)))];
        return options.Metrics.ToDictionary(metric => metric.Name, metric => Measurement.Of(metric, predictions).Value, StringComparer.Ordinal);
    }

    private IEnumerable<Sample> Samples()
    {
        int taken = 0;
        for (long row = 0; row < rows.Count && taken < options.Count; row++)
        {
            Sample sample;
            try
            {
                sample = rows.Read(row);
            }
            catch (InvalidDataException) when (options.SkipsUnusable)
            {
                // The evaluation loss has just told of it.
                continue;
            }

            taken++;
            yield return sample;
        }
    }

    private EncodedSample Prompt(Sample sample)
    {
        try
        {
            var conversation = new Conversation([.. sample.Messages.SkipLast(1)], [.. sample.Images.Select(image => image.Decode())]) { Videos = [.. sample.Videos.Select(video => video.Open(options.Encoding.Images.ApplyExif))] };
            return loaded.Processor.Encode(conversation, options.Encoding);
        }
        catch (InvalidDataException e) when (!e.Message.StartsWith(sample.Origin, StringComparison.Ordinal))
        {
            throw new InvalidDataException($"{sample.Origin}: {e.Message}", e);
        }
    }

    private static SampleGenerated Told(int step, int index, Sample sample, Answer answer) => new()
    {
        Step = step,
        Index = index + 1,
        Origin = sample.Origin,
        Images = sample.Images.Count + sample.Videos.Count == 0 ? null : [.. sample.Images.Select((image, i) => image.FilePath is { } path ? Path.GetFileName(path) : FormattableString.Invariant($"picture {i + 1}")), .. sample.Videos.Select(video => video.Title)],
        Prompt = sample.Messages.SkipLast(1).LastOrDefault()?.AllText ?? "",
        Reference = sample.Messages[^1].AllText,
        Reply = answer.Text,
        Tokens = answer.Tokens.Count,
        IsCut = answer.Reason == StopReason.MaxNewTokens,
    };

    private static IReadOnlyList<string> Right(Sample sample) => sample.References.Count > 0 ? sample.References : [sample.Messages[^1].AllText];
}

/// <summary>How samples are answered during training.</summary>
internal sealed record SampleRepliesOptions
{
    /// <summary>How many samples.</summary>
    public required int Count { get; init; }

    /// <summary>How tokens are chosen.</summary>
    public required SamplingOptions Sampling { get; init; }

    /// <summary>How prompts become tokens: with a generation prompt.</summary>
    public required EncodeOptions Encoding { get; init; }

    /// <summary>What is measured of the answers.</summary>
    public required IReadOnlyList<IMetric> Metrics { get; init; }

    /// <summary>Arithmetic of matrix products.</summary>
    public required Compute Compute { get; init; }

    /// <summary>Samples at a time.</summary>
    public required int BatchSize { get; init; }

    /// <summary>Whether rows that cannot be read are passed over.</summary>
    public bool SkipsUnusable { get; init; }
}
