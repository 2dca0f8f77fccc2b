using System.Text;
using System.Text.Json;
using System.Text.Unicode;

namespace Lorikeet.Data.Sources;

/// <summary>Parses the JSON of one row, with errors that name file, line and column.</summary>
internal static class RowJson
{
    /// <summary>What an escape such as \\uD800 alone is called in messages; the parser accepts it and fails when its text is asked for.</summary>
    public const string HalfSurrogate = "half of a surrogate pair (\\uD800 to \\uDFFF), which is no character";

    private static readonly JsonDocumentOptions Options = new() { AllowDuplicateProperties = false };

    /// <summary>Parses bytes that hold exactly one object.</summary>
    /// <param name="json">The row's bytes.</param>
    /// <param name="path">The file.</param>
    /// <param name="line">1-based line of the first byte.</param>
    /// <param name="expected">What belongs here, for the message.</param>
    public static JsonElement ParseObject(ReadOnlySpan<byte> json, string path, long line, string expected)
    {
        if (!Utf8.IsValid(json))
        {
            throw new InvalidDataException(FormattableString.Invariant($"{path}:{line}: the row is not valid UTF-8. Save the file as UTF-8.")).As(RowFault.Unreadable);
        }

        try
        {
            JsonElement element = JsonElement.Parse(json, Options);
            return element.ValueKind == JsonValueKind.Object
                ? element
                : throw new InvalidDataException(FormattableString.Invariant($"{path}:{line}: the row is a JSON {element.ValueKind.ToString().ToLowerInvariant()}; expected {expected}.")).As(RowFault.Unreadable);
        }
        catch (JsonException error)
        {
            throw Broken(json, path, line, expected, error);
        }
        catch (InvalidOperationException error)
        {
            throw new InvalidDataException(FormattableString.Invariant($"{path}:{line}: a key of the row holds {HalfSurrogate}."), error).As(RowFault.Unreadable);
        }
    }

    /// <summary>The error for broken JSON; the parser's position is relative to <paramref name="json"/>.</summary>
    private static InvalidDataException Broken(ReadOnlySpan<byte> json, string path, long line, string expected, JsonException error)
    {
        long lineWithin = error.LineNumber ?? 0;
        int start = 0;
        for (long skipped = 0; skipped < lineWithin; skipped++)
        {
            start += json[start..].IndexOf((byte)'\n') + 1;
        }

        int bytes = (int)Math.Min(error.BytePositionInLine ?? 0, json.Length - start);
        int column = Encoding.UTF8.GetCharCount(json.Slice(start, bytes)) + 1;
        return new InvalidDataException(
            FormattableString.Invariant($"{path}:{line + lineWithin}:{column}: not valid JSON: {Reason(error)} Expected {expected}. Correct or remove the row."), error).As(RowFault.Unreadable);
    }

    /// <summary>The parser's sentence without the position that it repeats at its end.</summary>
    internal static string Reason(JsonException error)
    {
        int end = error.Message.IndexOf(" LineNumber:", StringComparison.Ordinal);
        return end < 0 ? error.Message : error.Message[..end];
    }
}
