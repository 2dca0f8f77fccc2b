using System.Globalization;
using System.Text.Json.Nodes;
using Lorikeet.Text.Chat;
using Lorikeet.Text.Tokenizers;

namespace Lorikeet.Models.Composing;

/// <summary>The token that stands for a picture, in the tokenizer and the template of a text model.</summary>
internal sealed class ImageToken
{
    private readonly ModelDirectory _text;
    private readonly bool _isNew;

    /// <summary>Looks for the token.</summary>
    /// <param name="text">Directory of the text model.</param>
    /// <param name="content">The token.</param>
    public ImageToken(ModelDirectory text, string content)
    {
        _text = text;
        Content = content;
        int? known = Tokenizer.Load(text.TokenizerPath).TokenToId(content);
        _isNew = known is null;
        Id = known ?? HighestId(JsonFiles.Read(text.TokenizerPath)) + 1;
    }

    public string Content { get; }

    public int Id { get; }

    /// <summary>Adds the token to the tokenizer's files in a folder, special so that it is never split.</summary>
    public void Write(string folder)
    {
        if (!_isNew)
        {
            return;
        }

        string path = Path.Combine(folder, "tokenizer.json");
        JsonNode tokenizer = JsonFiles.Read(path);
        JsonArray added = tokenizer["added_tokens"] as JsonArray ?? [];
        added.Add(Entry(withId: true));
        tokenizer["added_tokens"] = added;
        JsonFiles.WriteCompact(path, tokenizer);
        if (Tokenizer.Load(path).TokenToId(Content) is var given && given != Id)
        {
            throw new InvalidDataException(FormattableString.Invariant($"{_text.TokenizerPath}: a new token would get id {given}, not {Id}, the first behind all others: the vocabulary has gaps. Choose a token that it has with --image-token."));
        }

        string settingsPath = Path.Combine(folder, "tokenizer_config.json");
        JsonNode settings = JsonFiles.TryRead(settingsPath) ?? new JsonObject();
        settings["image_token"] = Content;
        if (settings["added_tokens_decoder"] is JsonObject decoder)
        {
            decoder[Id.ToString(CultureInfo.InvariantCulture)] = Entry(withId: false);
        }

        (settings as JsonObject)?.Remove("chat_template");
        JsonFiles.Write(settingsPath, settings);
    }

    /// <summary>
    /// The text model's template; where it prints plain text only, behind a step that writes pictures as their token and pieces of text one
    /// behind the other.
    /// </summary>
    public string Template()
    {
        string template = _text.ChatTemplate();
        return ChatTemplate.Parse(template, Path.Combine(_text.Path, "chat_template")).PrintsParts ? template : PicturesAsText() + template;
    }

    private string PicturesAsText() =>
        "{%- set composed = namespace(messages=[], text='') -%}{%- for message in messages -%}"
        + "{%- if message['content'] is string -%}{%- set composed.text = message['content'] -%}{%- else -%}{%- set composed.text = '' -%}"
        + "{%- for part in message['content'] -%}{%- if part['type'] == 'image' -%}{%- set composed.text = composed.text + '" + Content + "\\n' -%}"
        + "{%- elif part['type'] == 'text' -%}{%- set composed.text = composed.text + part['text'] -%}{%- endif -%}{%- endfor -%}{%- endif -%}"
        + "{%- set composed.messages = composed.messages + [{'role': message['role'], 'content': composed.text}] -%}{%- endfor -%}"
        + "{%- set messages = composed.messages -%}";

    private JsonObject Entry(bool withId)
    {
        var entry = new JsonObject
        {
            ["content"] = Content,
            ["single_word"] = false,
            ["lstrip"] = false,
            ["rstrip"] = false,
            ["normalized"] = false,
            ["special"] = true,
        };
        if (withId)
        {
            entry["id"] = Id;
        }

        return entry;
    }

    private static int HighestId(JsonNode tokenizer)
    {
        int highest = -1;
        foreach (JsonNode? token in tokenizer["added_tokens"] as JsonArray ?? [])
        {
            highest = Math.Max(highest, (int)token!["id"]!);
        }

        if (tokenizer["model"]?["vocab"] is JsonObject vocabulary)
        {
            highest = Math.Max(highest, vocabulary.Max(entry => (int)entry.Value!));
        }

        return highest;
    }
}
