using Lorikeet.Data.Sources;
using Lorikeet.Text.Chat;

namespace Lorikeet.Data.Formats;

/// <summary>
/// Collects a row's messages, pictures and videos, and checks the whole: each of them has exactly one place, roles alternate, nothing is
/// empty. A picture's place in text is <c>&lt;image&gt;</c>, a video's <c>&lt;video&gt;</c>. One line end between the placeholder and the text beside it belongs to the
/// placeholder (LLaVA writes <c>&lt;image&gt;\nquestion</c>); what stands between picture and text is the chat template's business.
/// </summary>
internal sealed class SampleBuilder(Row row, ImageResolver images)
{
    /// <summary>What stands for a picture in text.</summary>
    public const string Placeholder = "<image>";

    /// <summary>What stands for a video in text.</summary>
    public const string VideoPlaceholder = "<video>";

    /// <summary>The names under which rows list their videos, whatever their format.</summary>
    public static readonly IReadOnlyList<string> VideoKeys = ["videos", "video"];

    private readonly List<Draft> _messages = [];
    private readonly List<ImageSource> _listed = [];
    private readonly List<VideoSource> _listedVideos = [];
    private readonly VideoResolver _videos = new(images);
    private string _listKey = "images";
    private int _placeholders, _videoPlaceholders;

    public RowObject Row { get; } = new(row.Json, row.Origin);

    /// <summary>Pictures listed so far by <see cref="ListImages"/>.</summary>
    public int ListedCount => _listed.Count;

    /// <summary>Videos listed so far by <see cref="ListVideos"/>.</summary>
    public int ListedVideos => _listedVideos.Count;

    /// <summary>Takes the videos that the row lists: each entry of <c>videos</c> is one, and so is all of <c>video</c>.</summary>
    public void ListVideos()
    {
        if (Row.Find("videos") is { } list)
        {
            System.Text.Json.JsonElement[] items = list.ValueKind == System.Text.Json.JsonValueKind.Array ? [.. list.EnumerateArray()] : [list];
            _listedVideos.AddRange(items.Select((item, i) => _videos.Resolve(item, items.Length == 1 && list.ValueKind != System.Text.Json.JsonValueKind.Array ? "videos" : FormattableString.Invariant($"videos[{i}]"), row)));
        }

        if (Row.Find("video") is { } one)
        {
            _listedVideos.Add(_videos.Resolve(one, "video", row));
        }
    }

    /// <summary>Adds the video of a part of a message, or the place of the next listed one.</summary>
    public void Video(RowObject part, IReadOnlyDictionary<string, object?> extra)
    {
        VideoSource? video = _videos.Resolve(part, row);
        _videoPlaceholders += video is null ? 1 : 0;
        _messages[^1].Pieces.Add(new Piece(With(new VideoPart(), extra), null) { Video = video });
    }

    /// <summary>Takes the pictures of a key: one, or a list; they go to the placeholders in order.</summary>
    public void ListImages(string key)
    {
        if (Row.Find(key) is not { } value)
        {
            return;
        }

        _listKey = key;
        if (value.ValueKind != System.Text.Json.JsonValueKind.Array)
        {
            _listed.Add(images.Resolve(value, key, row));
            return;
        }

        int i = 0;
        foreach (System.Text.Json.JsonElement item in value.EnumerateArray())
        {
            _listed.Add(images.Resolve(item, FormattableString.Invariant($"{key}[{i++}]"), row));
        }
    }

    /// <summary>A picture that stands in place.</summary>
    public ImageSource Resolve(System.Text.Json.JsonElement value, string key) => images.Resolve(value, key, row);

    /// <summary>A picture given as bare base64 under a key of a part.</summary>
    public ImageSource ResolveBytes(RowObject part, string key) => ImageResolver.FromBase64(part.Text(key), part.Name(key), row);

    /// <summary>Begins a message; <paramref name="key"/> is where it stands in the row, for messages.</summary>
    public void Begin(string role, string key) => _messages.Add(new Draft(role, key));

    /// <summary>Adds a whole message of text, which may hold placeholders.</summary>
    public void Message(string role, string text, string key)
    {
        Begin(role, key);
        Text(text);
    }

    /// <summary>
    /// Adds the row's question. Listed pictures without a placeholder anywhere in it stand before the text.
    /// </summary>
    public void Question(string text, string key)
    {
        Begin("user", key);
        if (!text.Contains(Placeholder, StringComparison.Ordinal))
        {
            for (int i = 0; i < _listed.Count; i++)
            {
                Place();
            }
        }

        if (!text.Contains(VideoPlaceholder, StringComparison.Ordinal))
        {
            for (int i = 0; i < _listedVideos.Count; i++)
            {
                PlaceVideo();
            }
        }

        Text(text);
    }

    /// <summary>Adds text to the current message; <paramref name="extra"/> are further fields of the part.</summary>
    public void Text(string text, IReadOnlyDictionary<string, object?>? extra = null)
    {
        Draft message = _messages[^1];
        bool isFirst = true;
        while (true)
        {
            int image = text.IndexOf(Placeholder, StringComparison.Ordinal), video = text.IndexOf(VideoPlaceholder, StringComparison.Ordinal);
            bool isVideo = video >= 0 && (image < 0 || video < image);
            int at = isVideo ? video : image;
            string piece = at < 0 ? text : text[..at];
            piece = !isFirst && piece.StartsWith('\n') ? piece[1..] : piece;
            piece = at >= 0 && piece.EndsWith('\n') ? piece[..^1] : piece;
            if (piece.Length > 0)
            {
                message.Pieces.Add(new Piece(With(new TextPart(piece), extra), null));
            }

            if (at < 0)
            {
                return;
            }

            if (isVideo)
            {
                PlaceVideo();
            }
            else
            {
                Place();
            }

            (text, isFirst) = (text[(at + (isVideo ? VideoPlaceholder : Placeholder).Length)..], false);
        }
    }

    /// <summary>Adds the place of the next listed picture.</summary>
    public void Place(IReadOnlyDictionary<string, object?>? extra = null)
    {
        _placeholders++;
        _messages[^1].Pieces.Add(new Piece(With(new ImagePart(), extra), null));
    }

    private void PlaceVideo()
    {
        _videoPlaceholders++;
        _messages[^1].Pieces.Add(new Piece(new VideoPart(), null));
    }

    /// <summary>Adds a picture in place.</summary>
    public void Image(ImageSource image, IReadOnlyDictionary<string, object?>? extra = null) =>
        _messages[^1].Pieces.Add(new Piece(With(new ImagePart(), extra), image));

    /// <summary>Marks the current message as given in pieces, even if it holds text alone.</summary>
    public void InPieces() => _messages[^1].IsList = true;

    /// <summary>Attaches further fields, which templates see.</summary>
    public void Extra(IReadOnlyDictionary<string, object?> fields) => _messages[^1].Extra = fields;

    /// <summary>Checks everything and makes the sample.</summary>
    public Sample Build()
    {
        if (_placeholders != _listed.Count)
        {
            throw new InvalidDataException(FormattableString.Invariant(
                $"{row.Origin}: the text has {_placeholders} '{Placeholder}' placeholder(s), but key '{_listKey}' lists {_listed.Count} picture(s). Every picture needs exactly one placeholder.")).As(RowFault.ImagePlaces);
        }

        if (_videoPlaceholders != _listedVideos.Count)
        {
            throw new InvalidDataException(FormattableString.Invariant(
                $"{row.Origin}: the text has {_videoPlaceholders} '{VideoPlaceholder}' placeholder(s), but keys {string.Join(", ", VideoKeys)} list {_listedVideos.Count} video(s). Every video needs exactly one placeholder.")).As(RowFault.ImagePlaces);
        }

        ConversationRules.Check(row.Origin, _messages);
        var placed = new List<ImageSource>();
        var queue = new Queue<ImageSource>(_listed);
        var videos = new Queue<VideoSource>(_listedVideos);
        var messages = new List<ChatMessage>(_messages.Count);
        foreach (Draft draft in _messages)
        {
            messages.Add(draft.ToMessage(queue, placed));
        }

        return new Sample
        {
            Messages = messages,
            Images = placed,
            Videos = [.. _messages.SelectMany(m => m.Pieces).Where(p => p.Part is VideoPart).Select(p => p.Video ?? videos.Dequeue())],
            Origin = row.Origin,
            RowId = row.Id,
            Task = Row.TryText("task_type"),
            References = RowReferences.Of(Row),
        };
    }

    private static ContentPart With(ContentPart part, IReadOnlyDictionary<string, object?>? extra) =>
        extra is { Count: > 0 } ? part with { Extra = extra } : part;

    /// <summary>A piece of a message; a picture or video without a source is the next listed one.</summary>
    internal readonly record struct Piece(ContentPart Part, ImageSource? Source)
    {
        public VideoSource? Video { get; init; }
    }

    /// <summary>A message in the making.</summary>
    internal sealed class Draft(string role, string key)
    {
        public string Role => role;

        public string Key => key;

        public List<Piece> Pieces { get; } = [];

        public bool IsList { get; set; }

        public IReadOnlyDictionary<string, object?>? Extra { get; set; }

        public bool HasImages => Pieces.Any(p => p.Part is not TextPart);

        public bool HasVideos => Pieces.Any(p => p.Part is VideoPart);

        public bool HasText => Pieces.Any(p => p.Part is TextPart text && !string.IsNullOrWhiteSpace(text.Text));

        public ChatMessage ToMessage(Queue<ImageSource> listed, List<ImageSource> placed)
        {
            placed.AddRange(Pieces.Where(p => p.Part is ImagePart).Select(p => p.Source ?? listed.Dequeue()));
            ChatMessage message = Pieces is [{ Part: TextPart only }] && !IsList ? new ChatMessage(role, only.Text)
                : Pieces.Count == 0 ? new ChatMessage(role)
                : new ChatMessage(role, [.. Pieces.Select(p => p.Part)]);
            return Extra is null ? message : message with { Extra = Extra };
        }
    }
}
