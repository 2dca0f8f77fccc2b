using System.Text;

namespace Lorikeet.Text.Chat;

/// <summary>
/// One message of a conversation. Its content is a plain text, a list of pieces, or absent (a tool call); which of them the
/// caller gave is kept, because templates may print them differently. <see cref="ContentForm"/> converts between the two.
/// </summary>
public sealed record ChatMessage
{
    /// <summary>A message with a plain text.</summary>
    public ChatMessage(string role, string text) => (Role, PlainText) = (role, text);

    /// <summary>A message made of pieces.</summary>
    public ChatMessage(string role, IReadOnlyList<ContentPart> parts) => (Role, Parts) = (role, parts);

    /// <summary>A message without content.</summary>
    public ChatMessage(string role) => Role = role;

    /// <summary>Who speaks: <c>system</c>, <c>user</c>, <c>assistant</c>, <c>tool</c>, or what the template knows.</summary>
    public string Role { get; init; }

    /// <summary>The content if it is a plain text, else null.</summary>
    public string? PlainText { get; init; }

    /// <summary>The content if it is a list of pieces, else null.</summary>
    public IReadOnlyList<ContentPart>? Parts { get; init; }

    /// <summary>Whether a message without content says so (<c>"content": null</c>) instead of leaving the field out.</summary>
    public bool HasNullContent { get; init; }

    /// <summary>Further fields, such as <c>tool_calls</c>; templates see them.</summary>
    public IReadOnlyDictionary<string, object?> Extra { get; init; } = EmptyFields.Instance;

    /// <summary>All text of the content, joined without separator.</summary>
    public string AllText
    {
        get
        {
            var builder = new StringBuilder(PlainText);
            foreach (var part in Parts?.OfType<TextPart>() ?? [])
            {
                builder.Append(part.Text);
            }

            return builder.ToString();
        }
    }

    /// <summary>The message as templates see it: <c>role</c>, <c>content</c> and the extra fields.</summary>
    public IReadOnlyDictionary<string, object?> ToTemplateValue()
    {
        var value = new OrderedDictionary<string, object?> { ["role"] = Role };
        if (PlainText is not null)
        {
            value["content"] = PlainText;
        }
        else if (Parts is not null)
        {
            value["content"] = Parts.Select(PartValue).ToList();
        }
        else if (HasNullContent)
        {
            value["content"] = null;
        }

        foreach (var (key, extra) in Extra)
        {
            value[key] = extra;
        }

        return value;
    }

    private static object? PartValue(ContentPart part)
    {
        var fields = new OrderedDictionary<string, object?>();
        foreach (var (key, field) in part.Fields().Concat(part.Extra))
        {
            fields[key] = field;
        }

        return fields;
    }
}
