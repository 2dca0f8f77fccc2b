namespace Lorikeet.Data.Formats;

/// <summary>
/// Conversations as ShareGPT and LLaVA write them:
/// <c>{"image": "a.png", "conversations": [{"from": "human", "value": "&lt;image&gt;\n..."}, {"from": "gpt", "value": "..."}]}</c>;
/// several pictures stand in a list under <c>image</c> or <c>images</c>. Entries with <c>role</c> and <c>content</c> are read as
/// messages.
/// </summary>
internal sealed class ShareGptFormat : ISampleFormat
{
    private static readonly MessagesFormat RoleAndContent = new("conversations");

    public string Name => "sharegpt";

    public string Example => """{"image": "a.png", "conversations": [{"from": "human", "value": "<image>\n..."}, {"from": "gpt", "value": "..."}]}""";

    public IReadOnlyList<string> Keys { get; } = ["conversations", "image", "images", "system"];

    public bool Matches(IReadOnlySet<string> keys) => keys.Contains("conversations");

    public void Read(SampleBuilder sample, string prompt)
    {
        RowObject first = sample.Row.Objects("conversations").First();
        if (!first.Has("from") && first.Has("role"))
        {
            RoleAndContent.Read(sample, prompt);
            return;
        }

        sample.ListImages("images");
        sample.ListImages("image");
        if (sample.Row.TryText("system") is { Length: > 0 } system)
        {
            sample.Message("system", system, "system");
        }

        foreach (RowObject turn in sample.Row.Objects("conversations"))
        {
            string from = turn.Text("from");
            string role = from switch
            {
                "human" or "user" => "user",
                "gpt" or "assistant" or "chatgpt" or "model" => "assistant",
                "system" => "system",
                _ => throw turn.Error("from", $"is '{from}'; expected human, gpt or system"),
            };
            sample.Message(role, turn.Text("value"), turn.Name("value"));
        }
    }
}
