using System.Text.Json;
using Lorikeet.Testing;
using Lorikeet.Text.Chat;

namespace Lorikeet.Text.Tests.Chat;

/// <summary>Every case of the reference: expected text or error, and generation spans.</summary>
public sealed class GoldenTemplateTests
{
    private static readonly Lazy<JsonElement> Cases = new(() =>
        JsonDocument.Parse(File.ReadAllText(Golden.Path("chat_templates", "cases.json"))).RootElement.GetProperty("cases"));

    public static TheoryData<string> Names => [.. Cases.Value.EnumerateArray().Select(c => c.GetProperty("name").GetString()!)];

    [Fact]
    public void All_cases_are_there() => Assert.True(Cases.Value.GetArrayLength() >= 134);

    [Theory]
    [MemberData(nameof(Names))]
    public void Renders_as_the_reference(string name)
    {
        var test = Cases.Value.EnumerateArray().Single(c => c.GetProperty("name").GetString() == name);
        var variables = Variables(test);
        if (test.TryGetProperty("error", out var error))
        {
            var failure = Assert.Throws<InvalidDataException>(() => Render(test, variables));
            var inner = Assert.IsType<ChatTemplateException>(failure.InnerException);
            Assert.Equal(error.GetString(), inner.ErrorType);
            Assert.Equal(test.GetProperty("error_message").GetString(), inner.Detail);
            Assert.Contains(name + ", line ", failure.Message, StringComparison.Ordinal);
            return;
        }

        var chat = Render(test, variables);
        Assert.Equal(test.GetProperty("expected").GetString(), chat.Text);
        if (test.TryGetProperty("generation_spans", out var spans))
        {
            var expected = spans.EnumerateArray().Select(s => (s[0].GetInt32(), s[1].GetInt32()));
            Assert.Equal(expected, chat.GenerationSpans.Select(s => (CodePoints(chat.Text, s.Start), CodePoints(chat.Text, s.End))));
        }
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Typed_messages_render_as_raw_ones(string name)
    {
        var test = Cases.Value.EnumerateArray().Single(c => c.GetProperty("name").GetString() == name);
        if (test.TryGetProperty("error", out _) || test.GetProperty("messages").GetArrayLength() == 0)
        {
            return;
        }

        var messages = ChatMessageJson.Read(test.GetProperty("messages"), name);
        var variables = (IReadOnlyDictionary<string, object?>)ChatMessageJson.ToValue(test.GetProperty("variables"))!;
        var template = ChatTemplate.Parse(test.GetProperty("template").GetString()!, name);
        var chat = template.Render(messages, test.GetProperty("add_generation_prompt").GetBoolean(), variables);
        Assert.Equal(test.GetProperty("expected").GetString(), chat.Text);
    }

    private static RenderedChat Render(JsonElement test, IReadOnlyDictionary<string, object?> variables) =>
        ChatTemplate.Parse(test.GetProperty("template").GetString()!, test.GetProperty("name").GetString()!).Render(variables);

    private static OrderedDictionary<string, object?> Variables(JsonElement test)
    {
        var variables = (OrderedDictionary<string, object?>)ChatMessageJson.ToValue(test.GetProperty("variables"))!;
        variables["messages"] = ChatMessageJson.ToValue(test.GetProperty("messages"));
        variables["add_generation_prompt"] = test.GetProperty("add_generation_prompt").GetBoolean();
        return variables;
    }

    private static int CodePoints(string text, int offset) => text[..offset].EnumerateRunes().Count();
}
