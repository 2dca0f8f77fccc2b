using System.Text.Json;
using Lorikeet.Data.Sources;
using Lorikeet.Imaging.Video;

namespace Lorikeet.Data.Formats;

/// <summary>
/// Turns what a row says about a video into a <see cref="VideoSource"/>: the path of a file or of a folder of frames, a list of pictures, or an
/// object with one of these and wishes such as <c>fps</c>. Paths keep to the rules of pictures.
/// </summary>
internal sealed class VideoResolver(ImageResolver images)
{
    /// <summary>Keys that hold the video itself.</summary>
    public static readonly IReadOnlyList<string> Places = ["video", "video_url", "frames", "path", "url"];

    /// <summary>Keys that ask something of it.</summary>
    public static readonly IReadOnlyList<string> Wishes =
        ["fps", "nframes", "num_frames", "min_frames", "max_frames", "min_pixels", "max_pixels", "total_pixels", "video_start", "video_end", "sample_fps"];

    private static readonly string[] Sizes = ["resized_height", "resized_width"];

    /// <summary>Resolves the value of a key.</summary>
    public VideoSource Resolve(JsonElement value, string key, Row row) => value.ValueKind == JsonValueKind.Object
        ? Resolve(new RowObject(value, row.Origin, key + "."), row) ?? throw Bad(row, key, $"has none of the keys {string.Join(", ", Places)}")
        : Source(value, key, row, new VideoSettings());

    /// <summary>Resolves an object, or a part of a message; null where it only marks a place.</summary>
    public VideoSource? Resolve(RowObject item, Row row)
    {
        VideoSettings settings = Settings(item);
        foreach (string place in Places)
        {
            if (item.Find(place) is { } value)
            {
                return value.ValueKind == JsonValueKind.Object && value.TryGetProperty("url", out JsonElement url)
                    ? Source(url, item.Name(place) + ".url", row, settings)
                    : Source(value, item.Name(place), row, settings);
            }
        }

        return null;
    }

    private VideoSource Source(JsonElement value, string key, Row row, VideoSettings settings)
    {
        string name = $"{row.Origin}: key '{key}'";
        switch (value.ValueKind)
        {
            case JsonValueKind.String:
                string text = RowObject.TextOf(value, key, row.Origin);
                if (text.StartsWith("data:", StringComparison.OrdinalIgnoreCase) || row.FindBlob(text) is not null)
                {
                    throw Bad(row, key, "holds the video itself; videos are read from files. Write it to a file and give the path, or list its frames as pictures");
                }

                return VideoSource.FromPath(images.ResolvePath(text, key, row.Origin, "video"), name, settings);
            case JsonValueKind.Array when value.GetArrayLength() > 0:
                return VideoSource.FromFrames([.. value.EnumerateArray().Select((frame, i) => images.Resolve(frame, FormattableString.Invariant($"{key}[{i}]"), row))], null, name, settings);
            default:
                throw Bad(row, key, $"is {RowObject.Found(value)}; expected the path of a video, or a list of pictures that are its frames");
        }
    }

    private static VideoSettings Settings(RowObject item)
    {
        if (Sizes.FirstOrDefault(item.Has) is { } size)
        {
            throw item.Error(size, "asks for a size in pixels, which is not supported; give max_pixels (and min_pixels) instead");
        }

        int? frames = Whole(item, "nframes") ?? Whole(item, "num_frames");
        double? fps = Number(item, "fps");
        return frames is not null && fps is not null
            ? throw item.Error("fps", "stands beside a number of frames; one of them decides how many frames are taken")
            : new VideoSettings
            {
                Fps = fps,
                NFrames = frames,
                MinFrames = Whole(item, "min_frames"),
                MaxFrames = Whole(item, "max_frames"),
                MinPixels = Whole(item, "min_pixels"),
                MaxPixels = Whole(item, "max_pixels"),
                TotalPixels = Number(item, "total_pixels") is { } total ? (long)total : null,
                Start = Number(item, "video_start", isZeroFine: true),
                End = Number(item, "video_end"),
                SampleFps = Number(item, "sample_fps"),
            };
    }

    private static int? Whole(RowObject item, string key) => Number(item, key) is not { } number ? null
        : number == Math.Floor(number) && number <= int.MaxValue ? (int)number : throw item.Error(key, FormattableString.Invariant($"is {number}; expected a whole number"));

    private static double? Number(RowObject item, string key, bool isZeroFine = false)
    {
        if (item.Find(key) is not { } value)
        {
            return null;
        }

        return value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out double number) && double.IsFinite(number) && (number > 0 || (isZeroFine && number == 0)) && number < long.MaxValue
            ? number
            : throw item.Error(key, $"is {RowObject.Found(value)}; expected a number above zero");
    }

    private static InvalidDataException Bad(Row row, string key, string what) =>
        new InvalidDataException($"{row.Origin}: key '{key}' {what}.").As(RowFault.ImageReference);
}
