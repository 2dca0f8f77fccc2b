namespace Lorikeet.Text.Chat;

/// <summary>One piece of a message's content.</summary>
public abstract record ContentPart
{
    /// <summary>Further fields of the piece, such as <c>min_pixels</c>; templates see them.</summary>
    public IReadOnlyDictionary<string, object?> Extra { get; init; } = EmptyFields.Instance;

    /// <summary>The piece as templates see it, without <see cref="Extra"/>.</summary>
    internal abstract IEnumerable<KeyValuePair<string, object?>> Fields();
}

/// <summary>Text.</summary>
/// <param name="Text">The text as written.</param>
public sealed record TextPart(string Text) : ContentPart
{
    internal override IEnumerable<KeyValuePair<string, object?>> Fields() => [new("type", "text"), new("text", Text)];
}

/// <summary>A picture.</summary>
/// <param name="Source">Path, URL or data URL; null if the picture comes from elsewhere (the row's <c>images</c>), in order.</param>
/// <param name="Key">The field that named the source: <c>image</c>, <c>path</c>, <c>url</c> or <c>base64</c>.</param>
public sealed record ImagePart(string? Source = null, string Key = "image") : ContentPart
{
    internal override IEnumerable<KeyValuePair<string, object?>> Fields() =>
        Source is null ? [new("type", "image")] : [new("type", "image"), new(Key, Source)];
}

/// <summary>A video.</summary>
/// <param name="Source">Path or URL; null if the video comes from elsewhere, in order.</param>
/// <param name="Key">The field that named the source: <c>video</c>, <c>path</c> or <c>url</c>.</param>
public sealed record VideoPart(string? Source = null, string Key = "video") : ContentPart
{
    internal override IEnumerable<KeyValuePair<string, object?>> Fields() =>
        Source is null ? [new("type", "video")] : [new("type", "video"), new(Key, Source)];
}

internal static class EmptyFields
{
    public static readonly IReadOnlyDictionary<string, object?> Instance = new Dictionary<string, object?>();
}
