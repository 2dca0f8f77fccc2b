namespace Lorikeet.Text.Chat;

/// <summary>
/// Why a template could not be parsed or rendered, in the terms of the reference implementation. Callers of the public API
/// receive an <see cref="InvalidDataException"/> with a complete message; this exception is its inner exception.
/// </summary>
public sealed class ChatTemplateException : Exception
{
    internal ChatTemplateException(string errorType, string detail) : base(detail)
    {
        ErrorType = errorType;
        Detail = detail;
    }

    /// <summary>Name of the error class the Python libraries raise: <c>TemplateError</c> (from <c>raise_exception</c>),
    /// <c>TemplateSyntaxError</c>, <c>UndefinedError</c>, <c>SecurityError</c>, <c>TypeError</c>, ... or <c>LimitError</c>.</summary>
    public string ErrorType { get; }

    /// <summary>The message without template name and line; for <c>raise_exception</c> the template's own words.</summary>
    public string Detail { get; }

    /// <summary>1-based line of the template, 0 if unknown.</summary>
    public int Line { get; internal set; }

    internal ChatTemplateException At(int line)
    {
        Line = Line == 0 ? line : Line;
        return this;
    }

    internal InvalidDataException ToInvalidData(string templateName)
    {
        var place = Line > 0 ? $"{templateName}, line {Line}" : templateName;
        var text = ErrorType switch
        {
            "TemplateError" => $"the template refused this conversation: {Detail}",
            "LimitError" => $"{Detail} (a template may not use more; if the conversation is really that long, raise ChatTemplateLimits)",
            _ => $"{Detail} ({ErrorType})",
        };
        return new InvalidDataException($"{place}: {text}", this);
    }
}
