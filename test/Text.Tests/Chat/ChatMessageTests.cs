using Lorikeet.Text.Chat;

namespace Lorikeet.Text.Tests.Chat;

public sealed class ChatMessageTests
{
    private static IReadOnlyList<ChatMessage> Parse(string json) => ChatMessageJson.Parse(json, "train.jsonl, line 3");

    [Fact]
    public void Text_and_parts_keep_the_form_they_were_given_in()
    {
        var messages = Parse("""
            [{"role": "system", "content": "Be brief."},
             {"role": "user", "content": [{"type": "image", "image": "a.png"}, {"type": "text", "text": "What?"}, {"type": "image"}]},
             {"role": "assistant", "content": "A cat."}]
            """);
        Assert.Equal("Be brief.", messages[0].PlainText);
        Assert.Null(messages[0].Parts);
        Assert.Equal([new ImagePart("a.png"), new TextPart("What?"), new ImagePart()], messages[1].Parts!);
        Assert.Equal("What?", messages[1].AllText);
        var content = (IReadOnlyList<object?>)messages[1].ToTemplateValue()["content"]!;
        Assert.Equal(new Dictionary<string, object?> { ["type"] = "image", ["image"] = "a.png" }, content[0]);
        Assert.Equal(new Dictionary<string, object?> { ["type"] = "image" }, content[2]);
    }

    [Theory]
    [InlineData("""{"type": "image_url", "image_url": {"url": "x.png"}}""", "x.png", "image")]
    [InlineData("""{"type": "image_url", "image_url": "x.png"}""", "x.png", "image")]
    [InlineData("""{"type": "image", "url": "http://x/y.png"}""", "http://x/y.png", "url")]
    [InlineData("""{"type": "image", "path": "p.png"}""", "p.png", "path")]
    [InlineData("""{"type": "image", "base64": "AAAA"}""", "AAAA", "base64")]
    [InlineData("""{"type": "image", "image": null}""", null, "image")]
    public void All_ways_to_name_an_image_are_read(string part, string? source, string key)
    {
        var image = Assert.IsType<ImagePart>(Assert.Single(Parse($$"""[{"role": "user", "content": [{{part}}]}]""")[0].Parts!));
        Assert.Equal((source, key), (image.Source, image.Key));
    }

    [Fact]
    public void Videos_tool_calls_and_extra_fields_are_kept()
    {
        var messages = Parse("""
            [{"role": "user", "name": "Ann", "content": [{"type": "video", "video": "v.mp4", "fps": 2}]},
             {"role": "assistant", "content": null, "tool_calls": [{"function": {"name": "f", "arguments": {"x": 1.5}}}]},
             {"role": "assistant", "tool_calls": []},
             {"role": "tool", "content": {"ok": true}}]
            """);
        var video = Assert.IsType<VideoPart>(messages[0].Parts![0]);
        Assert.Equal(2L, video.Extra["fps"]);
        Assert.Equal("Ann", messages[0].ToTemplateValue()["name"]);
        Assert.True(messages[1].ToTemplateValue().TryGetValue("content", out var content) && content is null);
        Assert.False(messages[2].ToTemplateValue().ContainsKey("content"));
        Assert.Equal(true, ((IReadOnlyDictionary<string, object?>)messages[3].ToTemplateValue()["content"]!)["ok"]);
    }

    [Theory]
    [InlineData("{", "train.jsonl, line 3: not valid JSON: ")]
    [InlineData("{}", "train.jsonl, line 3: messages: expected a list of messages, found {}")]
    [InlineData("[1]", "train.jsonl, line 3: messages[0]: expected an object with role and content, found 1")]
    [InlineData("""[{"content": "x"}]""", "train.jsonl, line 3: messages[0]: the field \"role\" (such as \"user\" or \"assistant\") is missing or no text")]
    [InlineData("""[{"role": 5, "content": "x"}]""", "train.jsonl, line 3: messages[0]: the field \"role\"")]
    [InlineData("""[{"role": "user"}]""", "train.jsonl, line 3: messages[0]: the field \"content\" is missing")]
    [InlineData("""[{"role": "user", "content": null}]""", "train.jsonl, line 3: messages[0].content: expected a text or a list of parts, found null")]
    [InlineData("""[{"role": "user", "content": {"a": 1}}]""", "train.jsonl, line 3: messages[0].content: expected a text or a list of parts, found {\"a\": 1}")]
    [InlineData("""[{"role": "user", "content": [{"text": "x"}]}]""", "train.jsonl, line 3: messages[0].content[0]: the field \"type\" is missing (text, image, image_url or video)")]
    [InlineData("""[{"role": "user", "content": [{"type": "audio"}]}]""", "train.jsonl, line 3: messages[0].content[0]: unknown type \"audio\"; known are text, image, image_url and video")]
    [InlineData("""[{"role": "user", "content": [{"type": "text"}]}]""", "train.jsonl, line 3: messages[0].content[0]: a part of type \"text\" needs the field \"text\" with a text")]
    [InlineData("""[{"role": "user", "content": [{"type": "image_url"}]}]""", "train.jsonl, line 3: messages[0].content[0]: a part of type \"image_url\" needs \"image_url\": {\"url\": ...}")]
    [InlineData("""[{"role": "user", "content": [{"type": "image", "image": 5}]}]""", "train.jsonl, line 3: messages[0].content[0].image: expected a path or URL, found 5")]
    [InlineData("""[{"role": "user", "content": [7]}]""", "train.jsonl, line 3: messages[0].content[0]: expected an object with a type, found 7")]
    public void Bad_input_is_named_with_its_place(string json, string message)
    {
        Assert.StartsWith(message, Assert.Throws<InvalidDataException>(() => Parse(json)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Contents_can_be_brought_into_the_form_a_template_prints()
    {
        var parts = ChatTemplate.Parse("{% for m in messages %}{% for p in m.content %}{{ p.text }}{% endfor %}{% endfor %}", "vlm");
        var plain = ChatTemplate.Parse("{% for m in messages %}{{ m.content }}{% endfor %}", "lm");
        var both = ChatTemplate.Parse(
            "{% for m in messages %}{% if m.content is string %}{{ m.content }}{% else %}{{ m.content[0].text }}{% endif %}{% endfor %}", "both");
        Assert.Equal((true, false), (parts.PrintsParts, parts.PrintsPlainText));
        Assert.Equal((false, true), (plain.PrintsParts, plain.PrintsPlainText));
        Assert.Equal((true, true), (both.PrintsParts, both.PrintsPlainText));

        ChatMessage[] messages = [new("user", "a"), new("assistant", [new TextPart("b"), new TextPart("c")])];
        Assert.Equal("abc", parts.Render(ContentForm.For(parts, messages)).Text);
        Assert.Equal("abc", plain.Render(ContentForm.For(plain, messages)).Text);
        Assert.Same(messages, ContentForm.For(both, messages));
        var error = Assert.Throws<InvalidDataException>(() => ContentForm.AsPlainText([new("user", [new ImagePart()])]));
        Assert.Contains("messages[0] (user): holds an image", error.Message, StringComparison.Ordinal);
    }
}
