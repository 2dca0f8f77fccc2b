using System.Diagnostics;
using System.Text.Json;
using Lorikeet.Testing;
using Lorikeet.Text.Chat;

namespace Lorikeet.Text.Tests.Chat;

/// <summary>
/// The templates against another implementation, <c>@huggingface/jinja</c>, over generated conversations. npm installs it under
/// artifacts/; without npm or network the test reports itself skipped.
/// </summary>
[Trait("tier", "slow")]
public sealed class HuggingFaceJinjaTests
{
    private const string Package = "@huggingface/jinja@0.5.11";
    private const int ConversationsPerTemplate = 60;

    // What the other implementation cannot do, and Jinja2 can: mllama's template goes through plain texts in search of images.
    private const string Limitation = "Expected iterable or object type in for loop: got StringValue";

    private const string Script = """
        const fs = require("fs");
        const { Template } = require("@huggingface/jinja");
        const cases = JSON.parse(fs.readFileSync("cases.json", "utf8"));
        const results = cases.map(c => {
          try { return { text: new Template(c.template).render({ messages: c.messages, ...c.variables }) }; }
          catch (e) { return { error: String(e.message) }; }
        });
        fs.writeFileSync("results.json", JSON.stringify(results));
        """;

    [Fact]
    public void Conversations_render_alike()
    {
        var folder = Install();
        var cases = Templates().SelectMany(t => Enumerable.Range(0, ConversationsPerTemplate).Select(seed => Case(t.Name, t.Source, seed))).ToArray();
        File.WriteAllText(Path.Combine(folder, "compare.cjs"), Script);
        File.WriteAllText(Path.Combine(folder, "cases.json"), JsonSerializer.Serialize(cases.Select(c => new
        {
            template = c.Source,
            messages = c.Messages.Select(m => m.ToTemplateValue()),
            variables = c.Variables,
        })));
        var (code, output) = Run(folder, "node", "compare.cjs");
        Assert.True(code == 0, output);
        using var results = JsonDocument.Parse(File.ReadAllText(Path.Combine(folder, "results.json")));
        Assert.Equal(cases.Length, results.RootElement.GetArrayLength());

        var rendered = 0;
        var differences = new List<string>();
        foreach (var (ours, theirs) in cases.Zip(results.RootElement.EnumerateArray()))
        {
            var where = $"{ours.Name}: {JsonSerializer.Serialize(ours.Messages.Select(m => m.ToTemplateValue()))} {JsonSerializer.Serialize(ours.Variables)}";
            string? text = null;
            var error = "";
            try
            {
                text = ChatTemplate.Parse(ours.Source, ours.Name).Render(ours.Messages, variables: ours.Variables).Text;
                rendered++;
            }
            catch (InvalidDataException e)
            {
                error = e.Message;
            }

            var expected = theirs.TryGetProperty("text", out var t) ? t.GetString() : null;
            var refusal = expected is null ? theirs.GetProperty("error").GetString()! : "";
            if (expected != text && refusal != Limitation)
            {
                differences.Add($"{where}\nours:   {text ?? error}\ntheirs: {expected ?? refusal}");
            }
        }

        Assert.True(differences.Count == 0, $"{differences.Count} of {cases.Length} differ, first:\n{string.Join("\n\n", differences.Take(5))}");
        Assert.True(rendered > cases.Length / 2, $"only {rendered} of {cases.Length} conversations were accepted");
    }

    private static List<(string Name, string Source)> Templates()
    {
        using var golden = JsonDocument.Parse(File.ReadAllText(Golden.Path("chat_templates", "cases.json")));
        var templates = golden.RootElement.GetProperty("cases").EnumerateArray()
            .Select(c => (Name: c.GetProperty("name").GetString()!.Split('.')[0], Source: c.GetProperty("template").GetString()!))
            .Where(t => t.Name != "language");
        var models = Directory.GetFiles(Golden.Path("models"), "chat_template.jinja", SearchOption.AllDirectories)
            .Select(f => (Name: Path.GetFileName(Path.GetDirectoryName(f))!, Source: File.ReadAllText(f)));
        return [.. templates.Concat(models).DistinctBy(t => t.Source)];
    }

    private sealed record Conversation(string Name, string Source, ChatMessage[] Messages, Dictionary<string, object?> Variables);

    private static Conversation Case(string name, string source, int seed)
    {
        var random = new Random(seed);
        var messages = new List<ChatMessage>();
        // Going through a text where a list of parts is meant is beyond the other implementation.
        var plain = ChatTemplate.Parse(source, name).PrintsPlainText;
        if (random.Next(3) == 0)
        {
            messages.Add(Message("system", random, images: false, plain));
        }

        var turns = random.Next(1, 6);
        for (var i = 0; i < turns; i++)
        {
            messages.Add(Message(i % 2 == 0 ? "user" : "assistant", random, images: i % 2 == 0, plain));
        }

        var variables = new Dictionary<string, object?>
        {
            ["bos_token"] = "<s>",
            ["eos_token"] = "</s>",
            ["date_string"] = "26 Jul 2024",
            ["add_generation_prompt"] = random.Next(2) == 0,
        };
        if (random.Next(3) == 0)
        {
            variables["add_vision_id"] = true;
        }

        return new Conversation(name, source, [.. messages], variables);
    }

    private static ChatMessage Message(string role, Random random, bool images, bool plain)
    {
        if (plain && random.Next(4) == 0)
        {
            return new ChatMessage(role, Words(random));
        }

        var parts = new List<ContentPart> { new TextPart(Words(random)) };
        for (var i = images ? random.Next(3) : 0; i > 0; i--)
        {
            parts.Insert(random.Next(parts.Count + 1), new ImagePart());
        }

        return new ChatMessage(role, parts);
    }

    private static string Words(Random random)
    {
        string[] words = ["a", "Bild", "ß", "你好", "é", "<b>&\"'", "{{ x }}", "\n", "  ", "😀", "C:\\x", "[INST]", "\t"];
        return string.Join(' ', Enumerable.Range(0, random.Next(0, 6)).Select(_ => words[random.Next(words.Length)]));
    }

    private static string Install()
    {
        var folder = Path.Combine(Golden.Root, "..", "..", "artifacts", "npm", "jinja");
        Directory.CreateDirectory(folder);
        if (Directory.Exists(Path.Combine(folder, "node_modules", "@huggingface", "jinja")))
        {
            return folder;
        }

        File.WriteAllText(Path.Combine(folder, "package.json"), """{ "name": "compare", "private": true }""");
        try
        {
            var (code, output) = Run(folder, "npm", "install", Package, "--no-audit", "--no-fund", "--ignore-scripts");
            Assert.SkipUnless(code == 0, $"npm could not install {Package}: {output}");
        }
        catch (System.ComponentModel.Win32Exception e)
        {
            Assert.Skip($"npm is not available: {e.Message}");
        }

        return folder;
    }

    private static (int Code, string Output) Run(string folder, string program, params string[] arguments)
    {
        var start = new ProcessStartInfo(program, arguments) { WorkingDirectory = folder, RedirectStandardOutput = true, RedirectStandardError = true };
        using var process = Process.Start(start)!;
        var error = process.StandardError.ReadToEndAsync();
        var output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, output + error.Result);
    }
}
