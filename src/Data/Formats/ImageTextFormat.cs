namespace Lorikeet.Data.Formats;

/// <summary>
/// A picture and its text, <c>{"image": "a.png", "text": "..."}</c>: as <see cref="CaptionFormat"/>, with the answer under
/// <c>text</c>.
/// </summary>
internal sealed class ImageTextFormat : ISampleFormat
{
    public string Name => "image_text";

    public string Example => """{"image": "a.png", "text": "..."}""";

    public IReadOnlyList<string> Keys { get; } = ["text", "prompt", "task_type", .. PictureKeys.All];

    public bool Matches(IReadOnlySet<string> keys) => keys.Contains("text") && PictureKeys.AnyOf(keys);

    public void Read(SampleBuilder sample, string prompt) => PictureKeys.ReadPair(sample, "text", prompt);
}
