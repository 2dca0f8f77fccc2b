namespace Lorikeet.Data.Formats;

/// <summary>
/// Rows with a task: <c>{"image_path": "a.png", "text": "...", "task_type": "image_captioning"}</c>. The answer is <c>text</c>, the
/// question <c>data.prompt</c>; the task is noted in <see cref="Sample.Task"/>.
/// </summary>
internal sealed class TaskFormat : ISampleFormat
{
    public string Name => "task";

    public string Example => """{"image_path": "a.png", "text": "...", "task_type": "image_captioning"}""";

    public IReadOnlyList<string> Keys { get; } = ["image_path", "text", "task_type", "prompt"];

    public bool Matches(IReadOnlySet<string> keys) => keys.Contains("image_path") && keys.Contains("text");

    public void Read(SampleBuilder sample, string prompt) => PictureKeys.ReadPair(sample, "text", prompt);
}
