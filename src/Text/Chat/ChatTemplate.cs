using Lorikeet.Text.Chat.Templating;

namespace Lorikeet.Text.Chat;

/// <summary>
/// A model's chat template: the safe subset of Jinja2 that transformers' <c>apply_chat_template</c> runs (trim_blocks, lstrip_blocks,
/// loop controls, generation blocks, <c>raise_exception</c>, <c>strftime_now</c>, <c>tojson</c> without HTML escaping), with Python's
/// semantics of values. It has no access to the host, and <see cref="ChatTemplateLimits"/> bound what it uses. Instances are
/// immutable and may be shared between threads.
/// Source: jinja2 3.1 ImmutableSandboxedEnvironment; transformers 5 <c>chat_template_utils.py</c>.
/// Deviations: no inheritance and imports (templates stand alone); <c>random</c>, <c>lipsum</c> and <c>urlize</c> are refused.
/// </summary>
public sealed class ChatTemplate
{
    private readonly Block _body;
    private readonly ChatTemplateLimits _limits;
    private readonly TimeProvider _time;
    private readonly Lazy<(bool Parts, bool Plain)> _forms;

    private ChatTemplate(string source, string name, Block body, ChatTemplateLimits limits, TimeProvider time)
    {
        (Source, Name, _body, _limits, _time) = (source, name, body, limits, time);
        _forms = new Lazy<(bool, bool)>(() => (Prints(new ChatMessage("user", [new TextPart(Probe)])), Prints(new ChatMessage("user", Probe))));
    }

    private const string Probe = "lorikeet probe";

    /// <summary>The template's source.</summary>
    public string Source { get; }

    /// <summary>What messages call the template: usually its file name.</summary>
    public string Name { get; }

    /// <summary>Whether the template prints content given as a list of parts.</summary>
    public bool PrintsParts => _forms.Value.Parts;

    /// <summary>Whether the template prints content given as plain text.</summary>
    public bool PrintsPlainText => _forms.Value.Plain;

    /// <summary>Parses a template.</summary>
    /// <param name="source">The template's text.</param>
    /// <param name="name">What messages call it, usually the file name.</param>
    /// <exception cref="InvalidDataException">The template has a syntax error; the message names it and the line.</exception>
    public static ChatTemplate Parse(string source, string name) => Parse(source, name, ChatTemplateLimits.Default, TimeProvider.System);

    /// <summary>Parses a template with limits and a clock of the caller's.</summary>
    /// <param name="source">The template's text.</param>
    /// <param name="name">What messages call it, usually the file name.</param>
    /// <param name="limits">What a rendering may use.</param>
    /// <param name="time">The clock behind <c>strftime_now</c>.</param>
    /// <exception cref="InvalidDataException">The template has a syntax error; the message names it and the line.</exception>
    public static ChatTemplate Parse(string source, string name, ChatTemplateLimits limits, TimeProvider time)
    {
        if (source.Length > limits.MaxSourceLength)
        {
            throw new InvalidDataException($"{name}: a chat template of {source.Length} characters is more than the limit of {limits.MaxSourceLength}");
        }

        try
        {
            return new ChatTemplate(source, name, StatementParser.Parse(source), limits, time);
        }
        catch (ChatTemplateException e)
        {
            throw e.ToInvalidData(name);
        }
    }

    /// <summary>
    /// Renders a conversation. As in transformers the template sees <c>messages</c>, <c>add_generation_prompt</c>, <c>tools</c> and
    /// <c>documents</c> (none unless given) and the given variables (special tokens such as <c>bos_token</c>, template arguments).
    /// </summary>
    /// <param name="messages">The conversation.</param>
    /// <param name="addGenerationPrompt">Whether to end with the header of an assistant turn.</param>
    /// <param name="variables">Further variables; values as in <see cref="Render(IReadOnlyDictionary{string, object?})"/>.</param>
    /// <exception cref="InvalidDataException">The template refused the conversation, failed, or went over a limit; the inner exception is a <see cref="ChatTemplateException"/>.</exception>
    public RenderedChat Render(
        IReadOnlyList<ChatMessage> messages, bool addGenerationPrompt = false, IReadOnlyDictionary<string, object?>? variables = null)
    {
        var all = new Dictionary<string, object?>
        {
            ["tools"] = null,
            ["documents"] = null,
            ["messages"] = messages.Select(m => (object?)m.ToTemplateValue()).ToList(),
            ["add_generation_prompt"] = addGenerationPrompt,
        };
        foreach (var (name, value) in variables ?? EmptyFields.Instance)
        {
            all[name] = value;
        }

        return Render(all);
    }

    /// <summary>Renders with exactly these variables.</summary>
    /// <param name="variables">Values are null, bool, integers, floating-point numbers, strings, lists and dictionaries with string keys of such values.</param>
    /// <exception cref="InvalidDataException">The template refused the values, failed, or went over a limit; the inner exception is a <see cref="ChatTemplateException"/>.</exception>
    public RenderedChat Render(IReadOnlyDictionary<string, object?> variables)
    {
        var runtime = new Runtime(_limits, _time);
        try
        {
            var scope = new Scope(null);
            foreach (var (name, value) in variables)
            {
                scope.Set(name, HostValues.Import(value, runtime.Budget));
            }

            _body.Run(scope, runtime);
            return runtime.Finish(Name);
        }
        catch (ChatTemplateException e)
        {
            throw e.At(runtime.Line).ToInvalidData(Name);
        }
    }

    private bool Prints(ChatMessage message)
    {
        var tokens = new Dictionary<string, object?> { ["bos_token"] = "", ["eos_token"] = "" };
        try
        {
            var rendered = Render([message], addGenerationPrompt: false, tokens).Text;
            return rendered.Contains(Probe, StringComparison.Ordinal) && !rendered.Contains("'type'", StringComparison.Ordinal);
        }
        catch (InvalidDataException)
        {
            return false; // refusing this form of content is an answer
        }
    }
}
