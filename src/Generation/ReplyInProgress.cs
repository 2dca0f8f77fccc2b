using System.Runtime.InteropServices;
using System.Text;
using Lorikeet.Models;
using Lorikeet.Text.Tokenizers;

namespace Lorikeet.Generation;

/// <summary>One answer while it grows: its sampler, stop rules, and text that is certain so far.</summary>
/// <param name="loaded">Names the end tokens and decodes.</param>
/// <param name="options">How tokens are chosen and when to stop.</param>
/// <param name="prompt">Tokens before the answer.</param>
/// <param name="sequence">Number of the sequence, which keys its draws.</param>
/// <param name="onText">Receives new text; null to wait for the end.</param>
internal sealed class ReplyInProgress(LoadedModel loaded, SamplingOptions options, int[] prompt, int sequence, Action<string>? onText)
{
    private readonly Sampler _sampler = new(options, sequence);
    private readonly StopRules _rules = new(loaded.Processor.EosTokenIds, options);
    private readonly StreamingDecoder _decoder = loaded.Processor.Tokenizer.CreateStream(skipSpecialTokens: true);
    private readonly List<int> _tokens = [.. prompt];
    private readonly StringBuilder _text = new();

    /// <summary>Whether no token follows.</summary>
    public bool IsDone => _rules.Reason is not null;

    /// <summary>Chooses a token; returns it, or -1 where the sequence ends with it.</summary>
    public int Advance(float[] logits)
    {
        int token = _sampler.Next(logits, CollectionsMarshal.AsSpan(_tokens), _tokens.Count - prompt.Length);
        _tokens.Add(token);
        Emit(_rules.Push(token, _decoder.Push(token)));
        return IsDone ? -1 : token;
    }

    /// <summary>The whole answer.</summary>
    public Answer Finish()
    {
        Emit(_rules.Finish(_decoder.Flush()));
        return new Answer(_text.ToString(), [.. _tokens.Skip(prompt.Length)], _rules.Reason ?? StopReason.MaxNewTokens);
    }

    private void Emit(string text)
    {
        if (text.Length > 0)
        {
            _text.Append(text);
            onText?.Invoke(text);
        }
    }
}
