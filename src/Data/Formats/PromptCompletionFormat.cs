using System.Text.Json;

namespace Lorikeet.Data.Formats;

/// <summary>
/// Prompt and completion as TRL writes them: <c>{"prompt": [messages], "completion": [messages], "images": ["a.png"]}</c>; both may be
/// strings.
/// </summary>
internal sealed class PromptCompletionFormat : ISampleFormat
{
    public string Name => "prompt_completion";

    public string Example => """{"images": ["a.png"], "prompt": [{"role": "user", "content": "<image>..."}], "completion": [{"role": "assistant", "content": "..."}]}""";

    public IReadOnlyList<string> Keys { get; } = ["prompt", "completion", "task_type", .. PictureKeys.All];

    public bool Matches(IReadOnlySet<string> keys) => keys.Contains("prompt") && keys.Contains("completion");

    public void Read(SampleBuilder sample, string prompt)
    {
        PictureKeys.List(sample, required: false);
        if (sample.Row.Find("prompt") is { ValueKind: JsonValueKind.Array })
        {
            MessagesFormat.ReadMessages(sample, "prompt");
        }
        else
        {
            sample.Question(sample.Row.Text("prompt"), "prompt");
        }

        if (sample.Row.Find("completion") is { ValueKind: JsonValueKind.Array })
        {
            MessagesFormat.ReadMessages(sample, "completion");
        }
        else
        {
            sample.Message("assistant", sample.Row.Text("completion"), "completion");
        }
    }
}
