namespace Lorikeet.Data.Formats;

/// <summary>The names under which single-turn rows give their picture or pictures.</summary>
internal static class PictureKeys
{
    public static readonly IReadOnlyList<string> All = ["image", "images", "image_path", "file_name"];

    /// <summary>Whether a row with these keys has a picture or a video.</summary>
    public static bool AnyOf(IReadOnlySet<string> keys) => All.Any(keys.Contains) || SampleBuilder.VideoKeys.Any(keys.Contains);

    /// <summary>Lists the pictures of a row; text alone is fine where <paramref name="required"/> is false.</summary>
    public static void List(SampleBuilder sample, bool required)
    {
        string? key = All.FirstOrDefault(sample.Row.Has);
        if (key is not null)
        {
            sample.ListImages(key);
        }

        if (required && sample.ListedCount + sample.ListedVideos == 0)
        {
            throw key is null ? sample.Row.Missing("image", "the path of a picture") : sample.Row.Error(key, "is an empty list; expected the path of a picture");
        }
    }

    /// <summary>Reads a picture and its text.</summary>
    public static void ReadPair(SampleBuilder sample, string answerKey, string prompt)
    {
        List(sample, required: true);
        string? own = sample.Row.TryText("prompt");
        sample.Question(own ?? prompt, own is null ? "data.prompt" : "prompt");
        sample.Message("assistant", sample.Row.Text(answerKey), answerKey);
    }
}
