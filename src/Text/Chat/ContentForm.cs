namespace Lorikeet.Text.Chat;

/// <summary>The two ways to write a message's content, and the conversion between them.</summary>
public static class ContentForm
{
    /// <summary>Writes every content as a list of pieces, as templates of vision-language models expect.</summary>
    public static IReadOnlyList<ChatMessage> AsParts(IReadOnlyList<ChatMessage> messages) =>
    [
        .. messages.Select(m => m.PlainText is null ? m : m with { PlainText = null, Parts = [new TextPart(m.PlainText)] }),
    ];

    /// <summary>Writes every content as plain text, as templates of language models expect.</summary>
    /// <exception cref="InvalidDataException">A message holds a picture or a video.</exception>
    public static IReadOnlyList<ChatMessage> AsPlainText(IReadOnlyList<ChatMessage> messages) => [.. messages.Select(Plain)];

    /// <summary>Writes the contents in the form that <paramref name="template"/> prints; leaves them alone if it prints both or none.</summary>
    public static IReadOnlyList<ChatMessage> For(ChatTemplate template, IReadOnlyList<ChatMessage> messages) =>
        (template.PrintsParts, template.PrintsPlainText) switch
        {
            (true, false) => AsParts(messages),
            (false, true) => AsPlainText(messages),
            _ => messages,
        };

    private static ChatMessage Plain(ChatMessage message, int index)
    {
        if (message.Parts is null)
        {
            return message;
        }

        if (message.Parts.FirstOrDefault(p => p is not TextPart) is { } other)
        {
            throw new InvalidDataException(
                $"messages[{index}] ({message.Role}): holds {(other is ImagePart ? "an image" : "a video")}, which cannot be written as plain text; "
                + "use a model whose chat template takes lists of content parts");
        }

        return message with { Parts = null, PlainText = message.AllText };
    }
}
