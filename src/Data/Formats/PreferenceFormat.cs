using System.Text.Json;

namespace Lorikeet.Data.Formats;

/// <summary>
/// Preference pairs as TRL and RLAIF-V write them: <c>{"images": ["a.png"], "prompt": ..., "chosen": ..., "rejected": ...}</c>, each text
/// or messages; the prompt may be called <c>question</c>, or stand at the head of both answers. Read as a sample, it is the prompt with the
/// chosen answer; that is not what such rows are for, so the format is never taken without being asked for.
/// </summary>
internal sealed class PreferenceFormat : ISampleFormat
{
    private static readonly string[] Prompts = ["prompt", "question", "query"];

    public string Name => "preference";

    public string Example => """{"images": ["a.png"], "prompt": "...", "chosen": "...", "rejected": "..."}""";

    public IReadOnlyList<string> Keys { get; } = [.. Prompts, "chosen", "rejected", "system", "task_type", .. PictureKeys.All];

    public bool Matches(IReadOnlySet<string> keys) => keys.Contains("chosen") && keys.Contains("rejected");

    public string? WhyNotByItself =>
        "these are preference pairs (chosen, rejected), and the objective sft learns from one answer. Set data.format: preference to train on the chosen answers";

    public void Read(SampleBuilder sample, string prompt)
    {
        PictureKeys.List(sample, required: false);
        RowObject row = sample.Row;
        if (row.TryText("system") is { Length: > 0 } system)
        {
            sample.Message("system", system, "system");
        }

        string? key = Prompts.FirstOrDefault(row.Has);
        if (key is not null)
        {
            if (row.Find(key) is { ValueKind: JsonValueKind.Array })
            {
                MessagesFormat.ReadMessages(sample, key);
            }
            else
            {
                sample.Question(row.Text(key), key);
            }
        }

        if (row.Find("chosen") is { ValueKind: JsonValueKind.Array })
        {
            // With a prompt of its own, "chosen" may still repeat it (as the ultrafeedback sets do).
            MessagesFormat.ReadMessages(sample, "chosen", onlyAnswer: key is not null);
        }
        else
        {
            sample.Message("assistant", row.Text("chosen"), "chosen");
        }
    }
}
