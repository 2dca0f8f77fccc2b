using Lorikeet.Models;
using Lorikeet.Tensors;

namespace Lorikeet.Generation;

/// <summary>Answers prompts: prefill, then one token at a time until a stop rule holds, with text streamed as it becomes certain.</summary>
/// <param name="loaded">The model with its processor.</param>
/// <param name="parameters">Where tensors live.</param>
/// <param name="compute">Arithmetic of matrix products.</param>
public sealed class Generator(LoadedModel loaded, Parameters parameters, Compute compute)
{
    /// <summary>Answers a few prompts at once, all of which must fit into memory together; <see cref="BatchGenerator"/> answers many.</summary>
    /// <param name="prompts">Encoded with a generation prompt.</param>
    /// <param name="options">How tokens are chosen and when to stop.</param>
    /// <param name="onText">Receives new text of a sequence; null to wait for the end.</param>
    /// <param name="cancellation">Stops between tokens.</param>
    public IReadOnlyList<Answer> Generate(
        IReadOnlyList<EncodedSample> prompts, SamplingOptions options, Action<int, string>? onText = null, CancellationToken cancellation = default)
    {
        options.Validate();
        int B = prompts.Count;
        ReplyInProgress[] replies =
        [
            .. Enumerable.Range(0, B).Select(b => new ReplyInProgress(loaded, options, prompts[b].Ids, b, onText is null ? null : text => onText(b, text))),
        ];
        using var session = new DecodeSession(loaded.Model, parameters, compute, B, prompts.Max(p => p.Ids.Length) + options.MaxNewTokens);
        float[][] logits = session.Prefill(loaded.Processor.Collate(prompts), cancellation);
        while (true)
        {
            int[] next = [.. replies.Select((reply, b) => reply.IsDone ? -1 : reply.Advance(logits[b]))];
            if (next.All(token => token < 0))
            {
                return [.. replies.Select(reply => reply.Finish())];
            }

            logits = session.Step(next, cancellation);
        }
    }
}

/// <summary>What a model answered.</summary>
/// <param name="Text">The text, without special tokens and stop strings.</param>
/// <param name="Tokens">The generated tokens, the last one included.</param>
/// <param name="Reason">Why it ended.</param>
public sealed record Answer(string Text, IReadOnlyList<int> Tokens, StopReason Reason);
