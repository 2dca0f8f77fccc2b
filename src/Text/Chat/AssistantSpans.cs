namespace Lorikeet.Text.Chat;

/// <summary>Which text counts as an assistant turn.</summary>
public enum AssistantSpanRule
{
    /// <summary>
    /// From the end of the turn's generation prompt to the end of the turn, with what the template puts after the answer
    /// (such as <c>&lt;|im_end|&gt;\n</c>): exactly what a model has to produce, and what ends it.
    /// </summary>
    WholeTurn,

    /// <summary>What the template marks with <c>{% generation %}</c> (transformers' <c>return_assistant_tokens_mask</c>).</summary>
    GenerationBlocks,
}

/// <summary>
/// Finds the assistant's turns in a rendered conversation. Offsets are [start, end) in UTF-16 units of
/// <see cref="RenderedChat.Text"/>.
/// <para>
/// A turn k begins where <c>messages[..k]</c> with the generation prompt ends and ends where <c>messages[..k+1]</c> ends, if both
/// renderings are prefixes of the whole. Templates that print a message differently depending on what follows (a system text moved
/// into the last user turn, thoughts removed from earlier answers) are not prefix-preserving; there the answer's place is found by
/// rendering with a placeholder instead of it, and what surrounds it is taken from the shorter renderings.
/// </para>
/// </summary>
public sealed class AssistantSpans
{
    private const string Placeholder = "lorikeetplaceholder";

    private readonly ChatTemplate _template;
    private readonly IReadOnlyList<ChatMessage> _messages;
    private readonly IReadOnlyDictionary<string, object?>? _variables;
    private readonly string _text;

    private AssistantSpans(ChatTemplate template, IReadOnlyList<ChatMessage> messages, IReadOnlyDictionary<string, object?>? variables, string text)
    {
        (_template, _messages, _variables, _text) = (template, messages, variables, text);
    }

    /// <summary>Renders the whole conversation and finds the assistant's turns in it.</summary>
    /// <param name="template">The chat template.</param>
    /// <param name="messages">The conversation, with the answers.</param>
    /// <param name="variables">Further variables of the template.</param>
    /// <param name="rule">What counts as a turn.</param>
    /// <returns>The rendered conversation and one span per assistant message, in order (with
    /// <see cref="AssistantSpanRule.GenerationBlocks"/>: one per block).</returns>
    /// <exception cref="InvalidDataException">The template failed, or a turn's place cannot be told.</exception>
    public static (RenderedChat Chat, IReadOnlyList<(int Start, int End)> Spans) Find(
        ChatTemplate template,
        IReadOnlyList<ChatMessage> messages,
        IReadOnlyDictionary<string, object?>? variables = null,
        AssistantSpanRule rule = AssistantSpanRule.WholeTurn)
    {
        var chat = template.Render(messages, addGenerationPrompt: false, variables);
        if (rule == AssistantSpanRule.GenerationBlocks)
        {
            return chat.GenerationSpans.Count > 0 || !messages.Any(IsAssistant)
                ? (chat, chat.GenerationSpans)
                : throw new InvalidDataException($"{template.Name}: the template printed no {{% generation %}} block, so the assistant's text cannot be told this way");
        }

        var finder = new AssistantSpans(template, messages, variables, chat.Text);
        var spans = new List<(int, int)>();
        for (var k = 0; k < messages.Count; k++)
        {
            if (IsAssistant(messages[k]))
            {
                spans.Add(finder.Turn(k));
            }
        }

        finder.RequireOrder(spans);
        return (chat, spans);
    }

    private static bool IsAssistant(ChatMessage message) => message.Role == "assistant";

    private (int Start, int End) Turn(int k)
    {
        var prompt = TryRender(k, withPrompt: true);
        var turn = k + 1 == _messages.Count ? _text : TryRender(k + 1, withPrompt: false);
        return prompt is not null && turn is not null && turn.Length >= prompt.Length
            && _text.StartsWith(turn, StringComparison.Ordinal) && _text.StartsWith(prompt, StringComparison.Ordinal)
            ? (prompt.Length, turn.Length)
            : Search(k, prompt, turn);
    }

    /// <summary>The first <paramref name="count"/> messages rendered; null if the template refuses them.</summary>
    private string? TryRender(int count, bool withPrompt)
    {
        try
        {
            return _template.Render([.. _messages.Take(count)], withPrompt, _variables).Text;
        }
        catch (InvalidDataException)
        {
            return null; // the whole conversation did render, so a part that doesn't is only no help
        }
    }

    /// <summary>Finds turn k of a template that isn't prefix-preserving.</summary>
    private (int Start, int End) Search(int k, string? prompt, string? turn)
    {
        var (start, end) = Answer(_messages, k, _text) ?? throw Unknown(k);
        if (turn is null || Answer([.. _messages.Take(k + 1)], k, turn) is not var (shortStart, shortEnd))
        {
            return (start, end);
        }

        // What the shorter rendering has around the answer belongs to the turn, as far as the whole has it too.
        var lead = turn[(shortStart - (prompt is null ? 0 : LeadLength(prompt, turn.AsSpan(0, shortStart))))..shortStart];
        var tail = turn[shortEnd..];
        var from = _text.AsSpan(0, start).EndsWith(lead) ? start - lead.Length : start;
        return (from, end + CommonStart(tail, _text[end..]));
    }

    /// <summary>Where the text of message k stands in a rendering: it is where the rendering changes when the text does.</summary>
    private (int Start, int End)? Answer(IReadOnlyList<ChatMessage> messages, int k, string rendered)
    {
        var replaced = messages.ToArray();
        replaced[k] = messages[k].PlainText is not null
            ? messages[k] with { PlainText = Placeholder }
            : messages[k] with { Parts = [new TextPart(Placeholder)] };
        string probe;
        try
        {
            probe = _template.Render(replaced, addGenerationPrompt: false, _variables).Text;
        }
        catch (InvalidDataException)
        {
            return null;
        }

        var at = probe.IndexOf(Placeholder, StringComparison.Ordinal);
        if (at < 0 || probe.IndexOf(Placeholder, at + 1, StringComparison.Ordinal) >= 0)
        {
            return null;
        }

        var after = probe.AsSpan(at + Placeholder.Length);
        return rendered.AsSpan().StartsWith(probe.AsSpan(0, at)) && rendered.AsSpan(at).EndsWith(after)
            ? (at, rendered.Length - after.Length)
            : null;
    }

    /// <summary>
    /// How many characters stand between the end of the generation prompt and the answer (such as the blank after "Assistant:").
    /// The prompt may differ further in front, so its end is matched: the longest agreement wins, a short one counts for nothing.
    /// </summary>
    private static int LeadLength(string prompt, ReadOnlySpan<char> beforeAnswer)
    {
        const int LongestLead = 64;
        const int ShortestAgreement = 8;
        var (best, bestLength) = (0, Math.Min(ShortestAgreement, prompt.Length) - 1);
        for (var lead = 0; lead <= Math.Min(LongestLead, beforeAnswer.Length); lead++)
        {
            var common = CommonEnd(prompt, beforeAnswer[..^lead]);
            if (common > bestLength)
            {
                (best, bestLength) = (lead, common);
            }
        }

        return best;
    }

    private static int CommonEnd(ReadOnlySpan<char> a, ReadOnlySpan<char> b)
    {
        var length = 0;
        while (length < Math.Min(a.Length, b.Length) && a[^(length + 1)] == b[^(length + 1)])
        {
            length++;
        }

        return length;
    }

    private static int CommonStart(string a, string b) => a.AsSpan().CommonPrefixLength(b);

    private InvalidDataException Unknown(int k) => new(
        $"{_template.Name}: cannot tell where messages[{k}] (assistant) stands in the rendered conversation: the template prints it differently "
        + "depending on what follows. Mark the answer in the template with {% generation %}...{% endgeneration %} and use the generation blocks, "
        + "or train on all tokens (assistant_only_loss: false)");

    private void RequireOrder(List<(int Start, int End)> spans)
    {
        for (var i = 1; i < spans.Count; i++)
        {
            if (spans[i].Start < spans[i - 1].End)
            {
                throw new InvalidDataException(
                    $"{_template.Name}: the assistant's turns {i} and {i + 1} overlap in the rendered conversation "
                    + $"([{spans[i - 1].Start}, {spans[i - 1].End}) and [{spans[i].Start}, {spans[i].End}))");
            }
        }
    }
}
