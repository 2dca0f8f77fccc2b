using System.Text.Json;
using Lorikeet.Nn.Weights;
using Lorikeet.Text.Chat;

namespace Lorikeet.Cli.Parity;

/// <summary>Area <c>templates</c>: chat templates rendered from messages, or the error that they raise.</summary>
internal sealed class TemplatesArea(ParityRun run)
{
    private const string Area = "templates", Folder = "chat_templates", CasesName = "cases.json";

    public void Run() => run.Guard(new CheckId(Area, "", "", CasesName), () =>
    {
        if (!File.Exists(run.At(Folder, CasesName)))
        {
            return;
        }

        var golden = new GoldenItem(run, new CheckId(Area, "", "", ""), JsonFile.Read(run.At(Folder, CasesName)));
        golden.Sources("environment", "generation_spans");
        golden.List("cases", Check, source => source.GetProperty("name").GetString()!);
        golden.SkipOthers();
        run.DumpOf(Folder, CasesName)?.Json(golden.Computed);
    });

    private static void Check(GoldenItem item, JsonElement source)
    {
        item.Sources("name", "template", "messages", "add_generation_prompt", "variables");
        RenderedChat chat;
        try
        {
            chat = Render(source);
        }
        catch (InvalidDataException e) when (e.InnerException is ChatTemplateException refused)
        {
            item.Exact("error", refused.ErrorType);
            item.Exact("error_message", refused.Detail);
            item.Missing("expected", e.Message);
            item.Missing("generation_spans", e.Message);
            return;
        }

        item.Exact("expected", chat.Text);
        item.Missing("error", "rendered without an error");
        item.Missing("error_message", "rendered without an error");
        if (source.TryGetProperty("generation_spans", out _))
        {
            item.Exact("generation_spans", chat.GenerationSpans.Select(s => (int[])[CodePoints(chat.Text, s.Start), CodePoints(chat.Text, s.End)]));
        }
    }

    private static RenderedChat Render(JsonElement source)
    {
        var variables = (OrderedDictionary<string, object?>)ChatMessageJson.ToValue(source.GetProperty("variables"))!;
        variables["messages"] = ChatMessageJson.ToValue(source.GetProperty("messages"));
        variables["add_generation_prompt"] = source.GetProperty("add_generation_prompt").GetBoolean();
        return ChatTemplate.Parse(source.GetProperty("template").GetString()!, source.GetProperty("name").GetString()!).Render(variables);
    }

    private static int CodePoints(string text, int offset) => text[..offset].EnumerateRunes().Count();
}
