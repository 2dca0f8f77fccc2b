namespace Lorikeet.Text.Chat;

/// <summary>A rendered conversation.</summary>
/// <param name="Text">The text the tokenizer gets.</param>
/// <param name="GenerationSpans">Where <c>{% generation %}</c> blocks put their text: [start, end) offsets into
/// <paramref name="Text"/> in UTF-16 units (C# string indices, not code points), in the order of printing. Empty if the template has no such blocks.</param>
public sealed record RenderedChat(string Text, IReadOnlyList<(int Start, int End)> GenerationSpans);
