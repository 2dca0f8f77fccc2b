using Lorikeet.Data;
using Lorikeet.Imaging;
using Lorikeet.Imaging.Video;
using Lorikeet.Models;
using Lorikeet.Text.Chat;

namespace Lorikeet.Evaluation;

/// <summary>The rows of a data set as one model sees them: the prompt is every turn before the last answer, the reference is that answer.</summary>
/// <param name="dataset">The rows.</param>
/// <param name="count">How many of them, from the first.</param>
/// <param name="processor">The model's processor.</param>
/// <param name="encode">Treatment of pictures, and which tokens carry loss.</param>
public sealed class EvaluationRows(Dataset dataset, int count, Processor processor, EncodeOptions encode)
{
    /// <summary>Number of rows.</summary>
    public int Count => count;

    /// <summary>The turns before the last answer.</summary>
    public static IReadOnlyList<ChatMessage> PromptOf(Sample sample) => [.. sample.Messages.SkipLast(1)];

    /// <summary>Right answers: those that the row lists, else its last answer.</summary>
    public static IReadOnlyList<string> ReferencesOf(Sample sample) =>
        sample.References.Count > 0 ? sample.References : [sample.Messages[^1].AllText];

    /// <summary>Where a row stands, <c>file:line</c>.</summary>
    public string Describe(int row) => dataset.Describe(row);

    /// <summary>A row's prompt, ready to be answered.</summary>
    /// <exception cref="InvalidDataException">The row or a picture is unusable; the message begins with file:line.</exception>
    public EncodedSample Prompt(int row)
    {
        Sample sample = dataset.Read(row);
        IReadOnlyList<ChatMessage> prompt = PromptOf(sample);
        return Encode(sample, prompt, encode with { Loss = LossOn.Nothing, AddGenerationPrompt = true });
    }

    /// <summary>A row with its answer, for the loss.</summary>
    /// <exception cref="InvalidDataException">The row or a picture is unusable, or no token carries loss; the message begins with file:line.</exception>
    public EncodedSample Whole(int row)
    {
        Sample sample = dataset.Read(row);
        EncodedSample encoded = Encode(sample, sample.Messages, encode);
        return encoded.Supervised > 0 ? encoded : throw new InvalidDataException($"{sample.Origin}: no token of this row carries loss.");
    }

    /// <summary>A batch of rows as model input.</summary>
    public ModelInput Collate(IReadOnlyList<EncodedSample> samples) => processor.Collate(samples);

    private EncodedSample Encode(Sample sample, IReadOnlyList<ChatMessage> messages, EncodeOptions options)
    {
        int Places<T>() => messages.Sum(m => m.Parts?.Count(p => p is T) ?? 0);
        Image[] images = [.. sample.Images.Take(Places<ImagePart>()).Select(image => image.Decode())];
        VideoClip[] videos = [.. sample.Videos.Take(Places<VideoPart>()).Select(video => video.Open(options.Images.ApplyExif))];
        try
        {
            return processor.Encode(new Conversation(messages, images) { Videos = videos }, options);
        }
        catch (InvalidDataException e)
        {
            throw new InvalidDataException($"{sample.Origin}: {e.Message}", e);
        }
    }
}
