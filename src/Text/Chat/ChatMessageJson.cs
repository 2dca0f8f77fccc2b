using System.Numerics;
using System.Text.Json;

namespace Lorikeet.Text.Chat;

/// <summary>
/// Reads conversations in the messages format of OpenAI and Hugging Face:
/// <c>[{"role": "user", "content": "text" | [{"type": "text", "text": ...}, {"type": "image", "image": path}, {"type": "image_url", "image_url": {"url": ...}}]}]</c>.
/// </summary>
public static class ChatMessageJson
{
    private static readonly string[] ImageKeys = ["image", "path", "url", "base64"];
    private static readonly string[] VideoKeys = ["video", "path", "url"];

    /// <summary>Reads a JSON array of messages.</summary>
    /// <param name="json">The text.</param>
    /// <param name="where">What messages call the place, such as <c>train.jsonl, line 3</c>.</param>
    /// <exception cref="InvalidDataException">The text is no JSON or no list of messages.</exception>
    public static IReadOnlyList<ChatMessage> Parse(string json, string where)
    {
        try
        {
            using var document = JsonDocument.Parse(json);
            return Read(document.RootElement, where);
        }
        catch (JsonException e)
        {
            throw new InvalidDataException($"{where}: not valid JSON: {e.Message}", e);
        }
    }

    /// <summary>Reads an array of messages.</summary>
    /// <param name="messages">The array.</param>
    /// <param name="where">What messages call the place, such as <c>train.jsonl, line 3</c>.</param>
    /// <exception cref="InvalidDataException">The element is no list of messages.</exception>
    public static IReadOnlyList<ChatMessage> Read(JsonElement messages, string where)
    {
        if (messages.ValueKind != JsonValueKind.Array)
        {
            throw Bad(where, "messages", "a list of messages", messages);
        }

        return [.. messages.EnumerateArray().Select((m, i) => ReadMessage(m, where, $"messages[{i}]"))];
    }

    /// <summary>A JSON value as templates take it: null, bool, long, double, string, list or dictionary. Copies everything.</summary>
    public static object? ToValue(JsonElement element)
    {
        switch (element.ValueKind)
        {
            case JsonValueKind.String:
                return element.GetString();
            case JsonValueKind.True or JsonValueKind.False:
                return element.GetBoolean();
            case JsonValueKind.Number when element.TryGetInt64(out var whole):
                return whole;
            case JsonValueKind.Number:
                var text = element.GetRawText();
                return text.AsSpan().ContainsAny('.', 'e', 'E') || text.Length > 4300
                    ? element.GetDouble()
                    : BigInteger.Parse(text, System.Globalization.CultureInfo.InvariantCulture);
            case JsonValueKind.Array:
                return element.EnumerateArray().Select(ToValue).ToList();
            case JsonValueKind.Object:
                var dictionary = new OrderedDictionary<string, object?>();
                foreach (var property in element.EnumerateObject())
                {
                    dictionary[property.Name] = ToValue(property.Value);
                }

                return dictionary;
            default:
                return null;
        }
    }

    private static ChatMessage ReadMessage(JsonElement message, string where, string path)
    {
        if (message.ValueKind != JsonValueKind.Object)
        {
            throw Bad(where, path, "an object with role and content", message);
        }

        if (!message.TryGetProperty("role", out var role) || role.ValueKind != JsonValueKind.String || role.GetString()!.Length == 0)
        {
            throw new InvalidDataException($"{where}: {path}: the field \"role\" (such as \"user\" or \"assistant\") is missing or no text");
        }

        var result = new ChatMessage(role.GetString()!) { Extra = Others(message, ["role", "content"]) };
        if (!message.TryGetProperty("content", out var content))
        {
            return result.Extra.ContainsKey("tool_calls")
                ? result
                : throw new InvalidDataException($"{where}: {path}: the field \"content\" is missing");
        }

        return content.ValueKind switch
        {
            JsonValueKind.String => result with { PlainText = content.GetString() },
            JsonValueKind.Array => result with
            {
                Parts = [.. content.EnumerateArray().Select((part, i) => ReadPart(part, where, $"{path}.content[{i}]"))],
            },
            // A tool's result may be any value; only the template knows how to print it.
            JsonValueKind.Object when result.Role is not ("system" or "user" or "assistant") => result with
            {
                Extra = new OrderedDictionary<string, object?>(result.Extra) { ["content"] = ToValue(content) },
            },
            JsonValueKind.Null when result.Extra.ContainsKey("tool_calls") => result with { HasNullContent = true },
            _ => throw Bad(where, path + ".content", "a text or a list of parts", content),
        };
    }

    private static ContentPart ReadPart(JsonElement part, string where, string path)
    {
        if (part.ValueKind == JsonValueKind.String)
        {
            return new TextPart(part.GetString()!);
        }

        if (part.ValueKind != JsonValueKind.Object)
        {
            throw Bad(where, path, "an object with a type", part);
        }

        var type = part.TryGetProperty("type", out var t) && t.ValueKind == JsonValueKind.String ? t.GetString() : null;
        switch (type)
        {
            case "text":
                return part.TryGetProperty("text", out var text) && text.ValueKind == JsonValueKind.String
                    ? new TextPart(text.GetString()!) { Extra = Others(part, ["type", "text"]) }
                    : throw new InvalidDataException($"{where}: {path}: a part of type \"text\" needs the field \"text\" with a text");
            case "image":
                var (image, imageKey) = Source(part, ImageKeys, where, path);
                return new ImagePart(image, imageKey) { Extra = Others(part, ["type", imageKey]) };
            case "image_url":
                return new ImagePart(ImageUrl(part, where, path)) { Extra = Others(part, ["type", "image_url"]) };
            case "video":
                var (video, videoKey) = Source(part, VideoKeys, where, path);
                return new VideoPart(video, videoKey) { Extra = Others(part, ["type", videoKey]) };
            case null:
                throw new InvalidDataException($"{where}: {path}: the field \"type\" is missing (text, image, image_url or video)");
            default:
                throw new InvalidDataException($"{where}: {path}: unknown type \"{type}\"; known are text, image, image_url and video");
        }
    }

    private static (string? Source, string Key) Source(JsonElement part, string[] keys, string where, string path)
    {
        foreach (var key in keys)
        {
            if (part.TryGetProperty(key, out var source) && source.ValueKind != JsonValueKind.Null)
            {
                return source.ValueKind == JsonValueKind.String
                    ? (source.GetString(), key)
                    : throw Bad(where, $"{path}.{key}", "a path or URL", source);
            }
        }

        return (null, keys[0]);
    }

    private static string ImageUrl(JsonElement part, string where, string path)
    {
        if (part.TryGetProperty("image_url", out var image))
        {
            var url = image.ValueKind == JsonValueKind.Object && image.TryGetProperty("url", out var inner) ? inner : image;
            if (url.ValueKind == JsonValueKind.String)
            {
                return url.GetString()!;
            }
        }

        throw new InvalidDataException($"{where}: {path}: a part of type \"image_url\" needs \"image_url\": {{\"url\": ...}}");
    }

    private static IReadOnlyDictionary<string, object?> Others(JsonElement element, string[] known)
    {
        OrderedDictionary<string, object?>? others = null;
        foreach (var property in element.EnumerateObject())
        {
            if (!known.Contains(property.Name))
            {
                (others ??= [])[property.Name] = ToValue(property.Value);
            }
        }

        return others ?? EmptyFields.Instance;
    }

    private static InvalidDataException Bad(string where, string path, string expected, JsonElement found)
    {
        var text = found.GetRawText();
        return new InvalidDataException($"{where}: {path}: expected {expected}, found {(text.Length > 60 ? text[..60] + "..." : text)}");
    }
}
