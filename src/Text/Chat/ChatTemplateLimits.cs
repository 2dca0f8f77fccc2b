namespace Lorikeet.Text.Chat;

/// <summary>
/// What a chat template may use. A template is data that came with a model, so it must not be able to hang the program,
/// fill the memory or overflow the stack. Going over any limit ends the rendering with an error.
/// </summary>
public sealed record ChatTemplateLimits
{
    /// <summary>The limits used when none are given.</summary>
    public static ChatTemplateLimits Default { get; } = new();

    /// <summary>Steps: one per evaluated node, per item visited and per 8 characters of text produced.</summary>
    public long MaxSteps { get; init; } = 4_000_000;

    /// <summary>Longest rendered text and longest single string, in UTF-16 units; also the most items of a single list.</summary>
    public int MaxLength { get; init; } = 16 * 1024 * 1024;

    /// <summary>Deepest nesting of nodes, macro calls and recursive loops while rendering.</summary>
    public int MaxDepth { get; init; } = 1000;

    /// <summary>Longest template source, in UTF-16 units.</summary>
    public int MaxSourceLength { get; init; } = 1024 * 1024;
}
