using System.Text.Json;
using Lorikeet.Testing;
using Lorikeet.Text.Chat;

namespace Lorikeet.Text.Tests.Chat;

public sealed class AssistantSpanTests
{
    private static readonly ChatMessage[] FourTurns =
    [
        new("user", [new TextPart("Count.")]),
        new("assistant", [new TextPart("One 😀.")]),
        new("user", [new TextPart("More?")]),
        new("assistant", [new TextPart("Two.")]),
    ];

    /// <summary>Every golden case whose model's template and special tokens are kept: "family/case.json".</summary>
    public static TheoryData<string> Cases
    {
        get
        {
            var data = new TheoryData<string>();
            foreach (var file in Directory.GetFiles(Golden.Path("cases"), "*.json", SearchOption.AllDirectories).Order(StringComparer.Ordinal))
            {
                var family = Path.GetFileName(Path.GetDirectoryName(file))!;
                using var json = JsonDocument.Parse(File.ReadAllText(file));
                if (json.RootElement.TryGetProperty("text", out _) && File.Exists(Golden.Path("models", family, "special_tokens_map.json")))
                {
                    data.Add($"{family}/{Path.GetFileName(file)}");
                }
            }

            return data;
        }
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Golden_conversations_render_and_split_as_the_reference_labels_them(string name)
    {
        var test = JsonDocument.Parse(File.ReadAllText(Golden.Path("cases", name))).RootElement;
        var family = name.Split('/')[0];
        var template = ChatTemplate.Parse(File.ReadAllText(Golden.Path("models", family, "chat_template.jinja")), family);
        var variables = Variables(family, test);
        for (var i = 0; i < test.GetProperty("messages").GetArrayLength(); i++)
        {
            var messages = ChatMessageJson.Read(test.GetProperty("messages")[i], name);
            var prompt = test.GetProperty("prompt_text")[i].GetString()!;
            var (chat, spans) = AssistantSpans.Find(template, messages, variables);
            Assert.Equal(test.GetProperty("text")[i].GetString(), chat.Text);
            Assert.Equal(prompt, template.Render([.. messages.SkipLast(1)], addGenerationPrompt: true, variables).Text);
            Assert.Equal(messages.Count(m => m.Role == "assistant"), spans.Count);
            Assert.Equal((prompt.Length, chat.Text.Length), spans[^1]);
            foreach (var (span, answer) in spans.Zip(messages.Where(m => m.Role == "assistant")))
            {
                Assert.Contains(answer.AllText, chat.Text[span.Start..span.End], StringComparison.Ordinal);
            }
        }
    }

    private static Dictionary<string, object?> Variables(string family, JsonElement test)
    {
        var variables = new Dictionary<string, object?>();
        using var tokens = JsonDocument.Parse(File.ReadAllText(Golden.Path("models", family, "special_tokens_map.json")));
        foreach (var token in tokens.RootElement.EnumerateObject().Where(t => t.Value.ValueKind == JsonValueKind.String))
        {
            variables[token.Name] = token.Value.GetString();
        }

        foreach (var argument in test.GetProperty("template_kwargs").EnumerateObject())
        {
            variables[argument.Name] = ChatMessageJson.ToValue(argument.Value);
        }

        return variables;
    }

    public static TheoryData<string> Families => [.. Directory.GetFiles(Golden.Path("models"), "chat_template.jinja", SearchOption.AllDirectories)
        .Select(f => Path.GetFileName(Path.GetDirectoryName(f))!)];

    [Theory]
    [MemberData(nameof(Families))]
    public void Every_family_gives_one_span_per_answer(string family)
    {
        var template = ChatTemplate.Parse(File.ReadAllText(Golden.Path("models", family, "chat_template.jinja")), family);
        var tokens = new Dictionary<string, object?> { ["bos_token"] = "<s>", ["eos_token"] = "</s>", ["date_string"] = "26 Jul 2024" };
        var (chat, spans) = AssistantSpans.Find(template, FourTurns, tokens);
        Assert.Equal(2, spans.Count);
        Assert.StartsWith("One 😀.", chat.Text[spans[0].Start..spans[0].End].TrimStart(), StringComparison.Ordinal);
        Assert.StartsWith("Two.", chat.Text[spans[1].Start..spans[1].End].TrimStart(), StringComparison.Ordinal);
        Assert.Equal(chat.Text.Length, spans[1].End);
        Assert.DoesNotContain("More?", chat.Text[spans[0].Start..spans[0].End], StringComparison.Ordinal);
    }

    [Fact]
    public void A_template_that_moves_the_system_text_is_searched_by_placeholder()
    {
        var template = ChatTemplate.Parse(File.ReadAllText(Golden.Path("models", "pixtral", "chat_template.jinja")), "pixtral");
        var tokens = new Dictionary<string, object?> { ["bos_token"] = "<s>", ["eos_token"] = "</s>" };
        // The last message is a user turn: the system text stands there, not where the shorter renderings put it.
        ChatMessage[] messages = [new("system", "Be brief."), new("user", "Q1"), new("assistant", "A1"), new("user", "Q2")];
        var (chat, spans) = AssistantSpans.Find(template, messages, tokens);
        Assert.Equal("<s>[INST]Q1[/INST]A1</s>[INST]Be brief.\n\nQ2[/INST]", chat.Text);
        Assert.Equal("A1</s>", Assert.Single(spans.Select(s => chat.Text[s.Start..s.End])));
    }

    [Fact]
    public void Thoughts_removed_from_earlier_turns_do_not_confuse_the_spans()
    {
        var template = ChatTemplate.Parse(
            "{% for m in messages %}<{{ m.role }}>{% if m.role == 'assistant' and not loop.last %}{{ m.content.split('</think>')[-1] }}"
            + "{% else %}{{ m.content }}{% endif %}<end>\n{% endfor %}{% if add_generation_prompt %}<assistant>{% endif %}",
            "thinking");
        ChatMessage[] messages = [new("user", "a"), new("assistant", "<think>t</think>b"), new("user", "c"), new("assistant", "<think>u</think>d")];
        var (chat, spans) = AssistantSpans.Find(template, messages);
        Assert.Equal(["b<end>\n", "<think>u</think>d<end>\n"], spans.Select(s => chat.Text[s.Start..s.End]));
    }

    [Fact]
    public void A_conversation_that_starts_with_an_answer_works()
    {
        var template = ChatTemplate.Parse(
            "{{ messages[0].role[0] }}{% for m in messages %}<{{ m.role }}>{{ m.content }}<end>{% endfor %}{% if add_generation_prompt %}<assistant>{% endif %}", "t");
        var (chat, spans) = AssistantSpans.Find(template, [new("assistant", "Hello"), new("user", "Hi"), new("assistant", "Bye")]);
        Assert.Equal(["Hello<end>", "Bye<end>"], spans.Select(s => chat.Text[s.Start..s.End]));
    }

    [Fact]
    public void Generation_blocks_can_be_asked_for()
    {
        var template = ChatTemplate.Parse(File.ReadAllText(Golden.Path("models", "llava", "chat_template.jinja")), "llava");
        var (chat, spans) = AssistantSpans.Find(template, FourTurns, rule: AssistantSpanRule.GenerationBlocks);
        Assert.Equal(["One 😀. ", "Two. "], spans.Select(s => chat.Text[s.Start..s.End]));
        (chat, spans) = AssistantSpans.Find(template, FourTurns);
        Assert.Equal([" One 😀. ", " Two. "], spans.Select(s => chat.Text[s.Start..s.End]));
    }

    [Fact]
    public void Generation_blocks_are_missed_with_a_clear_message()
    {
        var template = ChatTemplate.Parse("{% for m in messages %}{{ m.content }}{% endfor %}", "plain.jinja");
        var error = Assert.Throws<InvalidDataException>(
            () => AssistantSpans.Find(template, [new("assistant", "x")], rule: AssistantSpanRule.GenerationBlocks));
        Assert.Contains("plain.jinja", error.Message, StringComparison.Ordinal);
        Assert.Contains("generation", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_place_that_cannot_be_told_is_an_error()
    {
        // The answer is printed twice and in front of what came before.
        var template = ChatTemplate.Parse("{% for m in messages | reverse %}{{ m.content }}{{ m.content }}{% endfor %}", "odd.jinja");
        var error = Assert.Throws<InvalidDataException>(() => AssistantSpans.Find(template, [new("user", "a"), new("assistant", "b"), new("user", "c")]));
        Assert.Contains("odd.jinja: cannot tell where messages[1] (assistant) stands", error.Message, StringComparison.Ordinal);
    }
}
