using System.Text.Json;
using System.Text.Unicode;

namespace Lorikeet.Nn.Weights;

/// <summary>Reads small JSON files (configurations, indices) with errors that say where.</summary>
public static class JsonFile
{
    /// <summary>Longest file accepted, in bytes.</summary>
    public const long MaxBytes = 256L << 20;

    /// <summary>Parses a whole file; a key that stands twice in one object is an error, a byte order mark is fine.</summary>
    /// <exception cref="InvalidDataException">Missing or unreadable file, too long, or no valid JSON (with line and column).</exception>
    public static JsonElement Read(string path)
    {
        byte[] bytes;
        try
        {
            var file = new FileInfo(path);
            if (file.Exists && file.Length > MaxBytes)
            {
                throw new InvalidDataException($"{path}: the file has {file.Length} bytes; expected a JSON file of at most {MaxBytes}.");
            }

            bytes = File.ReadAllBytes(path);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            string reason = error is FileNotFoundException or DirectoryNotFoundException ? "the file does not exist" : error.Message;
            throw new InvalidDataException($"{path}: cannot read the JSON file: {reason}.", error);
        }

        ReadOnlyMemory<byte> json = bytes;
        if (json.Span.StartsWith("\uFEFF"u8))
        {
            json = json[3..];
        }

        if (!Utf8.IsValid(json.Span))
        {
            throw new InvalidDataException($"{path}: the JSON file is not valid UTF-8. Save it as UTF-8.");
        }

        try
        {
            JsonElement root = JsonElement.Parse(json.Span, new JsonDocumentOptions { AllowDuplicateProperties = false });
            if (json.Span.IndexOf("\\u"u8) >= 0)
            {
                RequireText(root);
            }

            return root;
        }
        catch (InvalidOperationException error)
        {
            throw new InvalidDataException($"{path}: not valid JSON: a string holds half of a surrogate pair (\\uD800 to \\uDFFF), which is no character.", error);
        }
        catch (JsonException error)
        {
            throw new InvalidDataException($"{path}{Position(error)}: not valid JSON: {Reason(error)}", error);
        }
    }

    /// <summary>Asks for every text once: the parser accepts a lone half of a surrogate pair, and fails only then.</summary>
    private static void RequireText(JsonElement element)
    {
        switch (element.ValueKind)
        {
            case JsonValueKind.String:
                _ = element.GetString();
                break;
            case JsonValueKind.Array:
                foreach (JsonElement item in element.EnumerateArray())
                {
                    RequireText(item);
                }

                break;
            case JsonValueKind.Object:
                foreach (JsonProperty property in element.EnumerateObject())
                {
                    _ = property.Name;
                    RequireText(property.Value);
                }

                break;
        }
    }

    private static string Position(JsonException error) => error.LineNumber is { } line
        ? FormattableString.Invariant($"({line + 1},{error.BytePositionInLine + 1})")
        : "";

    /// <summary>The parser's sentence without the position that it repeats at its end.</summary>
    private static string Reason(JsonException error)
    {
        int end = error.Message.IndexOf(" LineNumber:", StringComparison.Ordinal);
        return end < 0 ? error.Message : error.Message[..end];
    }
}
