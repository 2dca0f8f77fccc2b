using System.Diagnostics;
using System.Text.Json;
using Lorikeet.Testing;
using Lorikeet.Text.Chat;

namespace Lorikeet.Text.Tests.Chat;

/// <summary>Mutants of the golden templates end in a text or in a clear error, soon.</summary>
public sealed class TemplateFuzzTests
{
    private static readonly string[] Snippets =
    [
        "{{", "}}", "{%", "%}", "{%-", "-%}", "{#", "#}", "{% raw %}", "{% endraw %}", "{% for x in range(99999) %}", "{% endfor %}", "{% if messages %}",
        "{% endif %}", "{% set ns = namespace(x=messages) %}", "{% set ns.x = [ns.x, ns.x] %}", "{% macro m(a) %}", "{% endmacro %}", "{{ m(messages) }}",
        "{{ loop(messages) }}", " recursive ", "[", "]", "(", ")", "{", "}", "|", "|map('upper')", "|list", "|sort", "|join", "|tojson(indent=4)", "|groupby('role')",
        ".", "['role']", "[::-1]", "[-1]", " is ", " not ", " in ", " if ", " else ", " and ", "~", "*", "**", "//", "%", "'a' * 9999999", "9**99", "'%999999999d'", "'\\",
        "\"", "'", "\0", "\r\n", "\uD83D", "é", "99999999999999999999", "1e999", "messages", "loop.index", "none", "undefined", "__class__", ".format(messages)", "{% break %}",
        "{% generation %}", "{% endgeneration %}", "{% filter upper %}", "{% endfilter %}", "{% call m() %}", "{% endcall %}", "caller()", "{% continue %}", "{% include 'x' %}",
    ];

    private static readonly Lazy<string[]> Sources = new(() =>
    {
        using var golden = JsonDocument.Parse(File.ReadAllText(Golden.Path("chat_templates", "cases.json")));
        return [.. golden.RootElement.GetProperty("cases").EnumerateArray().Select(c => c.GetProperty("template").GetString()!).Distinct()];
    });

    [Fact]
    public void Mutants_end_well() => Run(400, seed: 1);

    [Fact]
    [Trait("tier", "slow")]
    public void Many_mutants_end_well() => Run(20_000, seed: 2);

    private static void Run(int count, int seed)
    {
        var random = new Random(seed);
        var rendered = 0;
        for (var i = 0; i < count; i++)
        {
            var source = Mutate(Sources.Value[random.Next(Sources.Value.Length)], random);
            var watch = Stopwatch.StartNew();
            var allocated = GC.GetAllocatedBytesForCurrentThread();
            try
            {
                var template = ChatTemplate.Parse(source, "mutant");
                var chat = template.Render(Conversations[random.Next(Conversations.Length)], random.Next(2) == 0, Variables);
                Assert.True(chat.Text.Length <= ChatTemplateLimits.Default.MaxLength);
                rendered++;
            }
            catch (InvalidDataException e) when (e.InnerException is ChatTemplateException)
            {
                Assert.StartsWith("mutant", e.Message, StringComparison.Ordinal);
            }

            // Two seconds on an idle machine; tests share theirs.
            Assert.True(watch.Elapsed < TimeSpan.FromSeconds(30), $"{watch.Elapsed} for {source}");
            Assert.True(GC.GetAllocatedBytesForCurrentThread() - allocated < 2L << 30, $"too much memory for {source}");
        }

        Assert.InRange(rendered, count / 20, count);
    }

    private static readonly Dictionary<string, object?> Variables = new()
    {
        ["bos_token"] = "<s>",
        ["eos_token"] = "</s>",
        ["date_string"] = "26 Jul 2024",
        ["tools"] = new List<object?> { new Dictionary<string, object?> { ["name"] = "f", ["parameters"] = 5L } },
    };

    private static readonly ChatMessage[][] Conversations =
    [
        [],
        [new("user", "hi")],
        [new("system", "s"), new("user", [new ImagePart("x"), new TextPart("t")]), new("assistant", [new TextPart("é😀")]), new("user", "more")],
        [new("user", [new VideoPart()]), new("assistant", new List<ContentPart>()), new("tool")],
        [.. Enumerable.Range(0, 40).Select(i => new ChatMessage(i % 2 == 0 ? "user" : "assistant", new string('x', i)))],
    ];

    private static string Mutate(string source, Random random)
    {
        for (var n = random.Next(1, 5); n > 0; n--)
        {
            var at = random.Next(source.Length + 1);
            var length = Math.Min(random.Next(1, 20), source.Length - at);
            source = random.Next(5) switch
            {
                0 => source.Remove(at, length),
                1 => source.Insert(at, source.Substring(at, length)),
                2 => source.Remove(at, length).Insert(at, Snippets[random.Next(Snippets.Length)]),
                3 => source.Insert(at, string.Concat(Enumerable.Repeat(Snippets[random.Next(Snippets.Length)], random.Next(1, 30)))),
                _ => source.Insert(at, Snippets[random.Next(Snippets.Length)]),
            };
        }

        return source;
    }
}
