using Lorikeet.Models;
using Lorikeet.Tensors;
using Lorikeet.Text.Tokenizers;

namespace Lorikeet.Generation;

/// <summary>Answers prompts: prefill, then one token at a time until a stop rule holds, with text streamed as it becomes certain.</summary>
/// <param name="loaded">The model with its processor.</param>
/// <param name="parameters">Where tensors live.</param>
/// <param name="compute">Arithmetic of matrix products.</param>
public sealed class Generator(LoadedModel loaded, Parameters parameters, Compute compute)
{
    /// <summary>Answers a batch of prompts.</summary>
    /// <param name="prompts">Encoded with a generation prompt.</param>
    /// <param name="options">How tokens are chosen and when to stop.</param>
    /// <param name="onText">Receives new text of a sequence; null to wait for the end.</param>
    /// <param name="cancellation">Stops between tokens.</param>
    public IReadOnlyList<Answer> Generate(
        IReadOnlyList<EncodedSample> prompts, SamplingOptions options, Action<int, string>? onText = null, CancellationToken cancellation = default)
    {
        options.Validate();
        int B = prompts.Count;
        Sequence[] sequences = [.. Enumerable.Range(0, B).Select(b => new Sequence(b, prompts[b].Ids, options, loaded))];
        using var session = new DecodeSession(loaded.Model, parameters, compute, B, prompts.Max(p => p.Ids.Length) + options.MaxNewTokens);
        float[][] logits = session.Prefill(loaded.Processor.Collate(prompts), cancellation);
        for (int step = 0; step < options.MaxNewTokens; step++)
        {
            int[] next = new int[B];
            for (int b = 0; b < B; b++)
            {
                next[b] = sequences[b].IsDone ? -1 : sequences[b].Advance(logits[b], step, onText);
            }

            if (next.All(token => token < 0))
            {
                break;
            }

            if (step + 1 < options.MaxNewTokens)
            {
                logits = session.Step(next, cancellation);
            }
        }

        return [.. sequences.Select(s => s.Finish(onText))];
    }

    private sealed class Sequence(int index, int[] prompt, SamplingOptions options, LoadedModel loaded)
    {
        private readonly Sampler _sampler = new(options, index);
        private readonly StopRules _rules = new(loaded.Directory.Generation.EosTokenIds, options);
        private readonly StreamingDecoder _decoder = loaded.Processor.Tokenizer.CreateStream(skipSpecialTokens: true);
        private readonly List<int> _tokens = [.. prompt];
        private readonly System.Text.StringBuilder _text = new();

        public bool IsDone => _rules.Reason is not null;

        /// <summary>Chooses a token; returns it, or -1 where the sequence ends with it.</summary>
        public int Advance(float[] logits, int step, Action<int, string>? onText)
        {
            int token = _sampler.Next(logits, System.Runtime.InteropServices.CollectionsMarshal.AsSpan(_tokens), step);
            _tokens.Add(token);
            Emit(_rules.Push(token, _decoder.Push(token)), onText);
            return IsDone ? -1 : token;
        }

        public Answer Finish(Action<int, string>? onText)
        {
            Emit(_rules.Finish(_decoder.Flush()), onText);
            return new Answer(_text.ToString(), [.. _tokens.Skip(prompt.Length)], _rules.Reason ?? StopReason.MaxNewTokens);
        }

        private void Emit(string text, Action<int, string>? onText)
        {
            if (text.Length > 0)
            {
                _text.Append(text);
                onText?.Invoke(index, text);
            }
        }
    }
}

/// <summary>What a model answered.</summary>
/// <param name="Text">The text, without special tokens and stop strings.</param>
/// <param name="Tokens">The generated tokens, the last one included.</param>
/// <param name="Reason">Why it ended.</param>
public sealed record Answer(string Text, IReadOnlyList<int> Tokens, StopReason Reason);
