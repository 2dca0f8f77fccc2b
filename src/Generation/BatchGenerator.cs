using Lorikeet.Models;
using Lorikeet.Tensors;

namespace Lorikeet.Generation;

/// <summary>A prompt among many.</summary>
/// <param name="Key">The caller's number of it, such as the row; it keys the draws, so an answer doesn't depend on what is answered beside it.</param>
/// <param name="Sample">Encoded with a generation prompt.</param>
public sealed record BatchPrompt(int Key, EncodedSample Sample);

/// <summary>The answer to a prompt among many.</summary>
/// <param name="Key">As in the prompt.</param>
/// <param name="PromptTokens">Tokens of the prompt, image tokens included.</param>
/// <param name="Answer">What the model answered.</param>
public sealed record BatchAnswer(int Key, int PromptTokens, Answer Answer);

/// <summary>
/// Answers any number of prompts, a few at a time: a sequence that is finished leaves the batch and the next prompt takes its place, so
/// that every step works on as many sequences as there are. Nothing is padded.
/// </summary>
/// <param name="loaded">The model with its processor.</param>
/// <param name="parameters">Where tensors live.</param>
/// <param name="compute">Arithmetic of matrix products.</param>
/// <param name="options">Size of the batch.</param>
public sealed class BatchGenerator(LoadedModel loaded, Parameters parameters, Compute compute, BatchOptions options)
{
    /// <summary>Answers a list of prompts.</summary>
    /// <param name="prompts">Encoded with a generation prompt.</param>
    /// <param name="sampling">How tokens are chosen and when to stop.</param>
    /// <param name="cancellation">Stops between tokens.</param>
    /// <returns>The answers in the order of the prompts.</returns>
    public IReadOnlyList<Answer> Generate(IReadOnlyList<EncodedSample> prompts, SamplingOptions sampling, CancellationToken cancellation = default)
    {
        var answers = new Answer[prompts.Count];
        foreach (BatchAnswer answer in Stream(prompts.Select((sample, i) => new BatchPrompt(i, sample)), sampling, cancellation))
        {
            answers[answer.Key] = answer.Answer;
        }

        return answers;
    }

    /// <summary>Answers prompts as they come; each is taken when there is a place for it.</summary>
    /// <param name="prompts">The prompts.</param>
    /// <param name="sampling">How tokens are chosen and when to stop.</param>
    /// <param name="cancellation">Stops between tokens.</param>
    /// <returns>The answers in the order in which they are finished.</returns>
    /// <exception cref="InvalidDataException">An option is out of range.</exception>
    public IEnumerable<BatchAnswer> Stream(IEnumerable<BatchPrompt> prompts, SamplingOptions sampling, CancellationToken cancellation = default)
    {
        sampling.Validate();
        ArgumentOutOfRangeException.ThrowIfLessThan(options.BatchSize, 1);
        return Run(prompts, sampling, cancellation);
    }

    private IEnumerable<BatchAnswer> Run(IEnumerable<BatchPrompt> prompts, SamplingOptions sampling, CancellationToken cancellation)
    {
        using var batch = new RunningBatch(loaded, sampling, options, (sequences, capacity) => new DecodeSession(loaded.Model, parameters, compute, sequences, capacity));
        using IEnumerator<BatchPrompt> source = prompts.GetEnumerator();
        while (batch.Admit(source, cancellation) || batch.IsBusy)
        {
            foreach (BatchAnswer answer in batch.Step(cancellation))
            {
                yield return answer;
            }
        }
    }
}

/// <summary>Size of a batch.</summary>
public sealed record BatchOptions
{
    /// <summary>Sequences at a time.</summary>
    public int BatchSize { get; init; } = 8;

    /// <summary>Tokens of prompts that are read in one pass; a longer prompt is read alone.</summary>
    public int PrefillTokens { get; init; } = 4096;
}
