namespace Lorikeet.Text.Chat;

/// <summary>A rendered conversation.</summary>
public sealed class RenderedChat
{
    private readonly IReadOnlyList<(int Start, int End)>? _spans;
    private readonly string _templateName;

    internal RenderedChat(string text, IReadOnlyList<(int Start, int End)>? spans, string templateName)
    {
        (Text, _spans, _templateName) = (text, spans, templateName);
    }

    /// <summary>The text the tokenizer gets.</summary>
    public string Text { get; }

    /// <summary>
    /// Where <c>{% generation %}</c> blocks put their text: [start, end) offsets into <see cref="Text"/> in UTF-16 units (C# string
    /// indices, not code points), in the order of printing. Empty if the template printed no such block.
    /// </summary>
    /// <exception cref="InvalidDataException">A macro, set, call or filter block around a generation block moved or changed its text.</exception>
    public IReadOnlyList<(int Start, int End)> GenerationSpans => _spans ?? throw new InvalidDataException(
        $"{_templateName}: a {{% generation %}} block stands inside a macro, set, call or filter block whose text was changed or printed "
        + "elsewhere, so its place in the rendered text is unknown");
}
