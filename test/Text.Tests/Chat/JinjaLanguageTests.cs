using System.Text.Json;
using Lorikeet.Testing;
using Lorikeet.Text.Chat;

namespace Lorikeet.Text.Tests.Chat;

/// <summary>Some thousand small templates against what jinja2 made of them (tools/goldens/chat_language.py).</summary>
public sealed class JinjaLanguageTests
{
    [Fact]
    public void Small_templates_render_as_jinja2_renders_them()
    {
        using var golden = JsonDocument.Parse(File.ReadAllText(Golden.Path("chat_templates", "language.json")));
        var variables = (IReadOnlyDictionary<string, object?>)ChatMessageJson.ToValue(golden.RootElement.GetProperty("variables"))!;
        var differences = new List<string>();
        var count = 0;
        foreach (var test in golden.RootElement.GetProperty("cases").EnumerateArray())
        {
            count++;
            var source = test.GetProperty("template").GetString()!;
            var expected = test.TryGetProperty("expected", out var text) ? text.GetString() : null;
            string? actual = null;
            var error = "";
            try
            {
                actual = ChatTemplate.Parse(source, "t").Render(variables).Text;
            }
            catch (InvalidDataException e) when (e.InnerException is ChatTemplateException)
            {
                error = e.Message;
            }

            if (actual != expected)
            {
                differences.Add($"{source}\n  expected: {expected ?? test.GetProperty("error").GetString()}\n  actual:   {actual ?? error}");
            }
        }

        Assert.True(count > 4000);
        Assert.True(differences.Count == 0, $"{differences.Count} of {count} differ:\n{string.Join("\n", differences.Take(10))}");
    }
}
