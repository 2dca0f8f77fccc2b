using System.Text.Json;

namespace Lorikeet.Data.Formats;

/// <summary>
/// Chat messages as OpenAI, TRL and transformers write them:
/// <c>{"messages": [{"role": "user", "content": [{"type": "image", "image": "a.png"}, {"type": "text", "text": "..."}]}, ...]}</c>.
/// Content may be a string. Pictures without a source, and <c>&lt;image&gt;</c> in text, are filled from the row's <c>images</c> (or
/// <c>image</c>) in order.
/// </summary>
internal sealed class MessagesFormat(string listKey = "messages") : ISampleFormat
{
    private static readonly string[] MessageFields = ["role", "content"];
    private static readonly string[] TextFields = ["type", "text"];
    private static readonly string[] PictureFields = ["type", "image_url", "image", "path", "url", "base64", "bytes"];

    private static readonly string[] VideoFields = ["type", .. VideoResolver.Places, .. VideoResolver.Wishes];

    public string Name => "messages";

    public string Example => """{"messages": [{"role": "user", "content": [{"type": "image", "image": "a.png"}, {"type": "text", "text": "..."}]}, {"role": "assistant", "content": "..."}]}""";

    public IReadOnlyList<string> Keys { get; } = [listKey, "images", "image"];

    public bool Matches(IReadOnlySet<string> keys) => keys.Contains("messages");

    public void Read(SampleBuilder sample, string prompt)
    {
        sample.ListImages("images");
        sample.ListImages("image");
        ReadMessages(sample, listKey);
    }

    /// <summary>Adds the messages of a list, or only those behind the last user's.</summary>
    public static void ReadMessages(SampleBuilder sample, string key, bool onlyAnswer = false)
    {
        RowObject[] messages = [.. sample.Row.Objects(key)];
        int first = onlyAnswer ? Array.FindLastIndex(messages, m => m.TryText("role") == "user") + 1 : 0;
        foreach (RowObject message in messages.Skip(first))
        {
            string role = message.Text("role");
            sample.Begin(Role(message, role), message.Name("content"));
            Content(sample, message, role);
            Dictionary<string, object?> extra = Extra(message, MessageFields);
            if (extra.Count > 0)
            {
                sample.Extra(extra);
            }
        }
    }

    private static string Role(RowObject message, string role) => role switch
    {
        "system" or "user" or "assistant" or "tool" => role,
        "developer" => "system",
        "human" or "gpt" => throw message.Error("role", $"is '{role}'; expected {(role == "gpt" ? "assistant" : "user")}. Rows with human and gpt are of the format sharegpt, with from and value"),
        _ => throw message.Error("role", $"is '{role}'; expected system, user, assistant or tool"),
    };

    private static void Content(SampleBuilder sample, RowObject message, string role)
    {
        switch (message.Find("content"))
        {
            case null when role == "assistant" && message.Has("tool_calls"):
                return;
            case null:
                throw message.Missing("content", "a string or a list of parts");
            case { ValueKind: JsonValueKind.String }:
                sample.Text(message.Text("content"));
                return;
            case { ValueKind: JsonValueKind.Array } list when list.GetArrayLength() > 0:
                sample.InPieces();
                foreach (RowObject part in message.Objects("content"))
                {
                    Part(sample, part);
                }

                return;
            case { ValueKind: JsonValueKind.Array }:
                throw message.Error("content", "is an empty list; expected at least one part");
            case { } other:
                throw message.Error("content", $"is {RowObject.Found(other)}; expected a string or a list of parts");
        }
    }

    private static void Part(SampleBuilder sample, RowObject part)
    {
        string type = part.Text("type");
        switch (type)
        {
            case "text":
                sample.Text(part.Text("text"), Extra(part, TextFields));
                return;
            case "image" or "image_url":
                Picture(sample, part);
                return;
            case "video" or "video_url":
                sample.Video(part, Extra(part, VideoFields));
                return;
            default:
                throw part.Error("type", $"is '{type}'; expected text, image or video");
        }
    }

    private static void Picture(SampleBuilder sample, RowObject part)
    {
        Dictionary<string, object?> extra = Extra(part, PictureFields);
        foreach (string key in PictureFields.Skip(1))
        {
            if (part.Find(key) is { } value)
            {
                sample.Image(key is "base64" or "bytes" ? sample.ResolveBytes(part, key) : sample.Resolve(value, part.Name(key)), extra);
                return;
            }
        }

        sample.Place(extra);
    }

    /// <summary>The fields that are not read here; chat templates see them.</summary>
    private static Dictionary<string, object?> Extra(RowObject item, string[] known) =>
        item.Keys.Where(key => !known.Contains(key, StringComparer.Ordinal)).ToDictionary(key => key, item.Value, StringComparer.Ordinal);
}
