namespace Lorikeet.Data.Formats;

/// <summary>
/// A picture and its caption, <c>{"image": "a.png", "caption": "..."}</c>; the question is the row's own <c>prompt</c> if it has one,
/// otherwise <c>data.prompt</c>. The picture may also be called <c>images</c>, <c>image_path</c> or <c>file_name</c>.
/// </summary>
internal sealed class CaptionFormat : ISampleFormat
{
    public string Name => "caption";

    public string Example => """{"image": "a.png", "caption": "..."}""";

    public IReadOnlyList<string> Keys { get; } = ["caption", "prompt", "task_type", .. PictureKeys.All];

    public bool Matches(IReadOnlySet<string> keys) => keys.Contains("caption") && PictureKeys.AnyOf(keys);

    public void Read(SampleBuilder sample, string prompt) => PictureKeys.ReadPair(sample, "caption", prompt);
}
