using Lorikeet.Data.Sources;
using Lorikeet.Text.Chat;

namespace Lorikeet.Data.Formats;

/// <summary>
/// Collects a row's messages and pictures, and checks the whole: every picture has exactly one place, roles alternate, nothing is empty.
/// A picture's place in text is <c>&lt;image&gt;</c>. One line end between the placeholder and the text beside it belongs to the
/// placeholder (LLaVA writes <c>&lt;image&gt;\nquestion</c>); what stands between picture and text is the chat template's business.
/// </summary>
internal sealed class SampleBuilder(Row row, ImageResolver images)
{
    /// <summary>What stands for a picture in text.</summary>
    public const string Placeholder = "<image>";

    private readonly List<Draft> _messages = [];
    private readonly List<ImageSource> _listed = [];
    private string _listKey = "images";
    private int _placeholders;

    public RowObject Row { get; } = new(row.Json, row.Origin);

    /// <summary>Pictures listed so far by <see cref="ListImages"/>.</summary>
    public int ListedCount => _listed.Count;

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
            _listed.Add(images.Resolve(value, key, row.Origin));
            return;
        }

        int i = 0;
        foreach (System.Text.Json.JsonElement item in value.EnumerateArray())
        {
            _listed.Add(images.Resolve(item, FormattableString.Invariant($"{key}[{i++}]"), row.Origin));
        }
    }

    /// <summary>A picture that stands in place.</summary>
    public ImageSource Resolve(System.Text.Json.JsonElement value, string key) => images.Resolve(value, key, row.Origin);

    /// <summary>A picture given as bare base64 under a key of a part.</summary>
    public ImageSource ResolveBytes(RowObject part, string key) => ImageResolver.FromBase64(part.Text(key), part.Name(key), row.Origin);

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

        Text(text);
    }

    /// <summary>Adds text to the current message.</summary>
    public void Text(string text)
    {
        Draft message = _messages[^1];
        string[] pieces = text.Split(Placeholder);
        for (int i = 0; i < pieces.Length; i++)
        {
            string piece = pieces[i];
            if (i > 0)
            {
                Place();
                piece = piece.StartsWith('\n') ? piece[1..] : piece;
            }

            if (i < pieces.Length - 1)
            {
                piece = piece.EndsWith('\n') ? piece[..^1] : piece;
            }

            if (piece.Length > 0)
            {
                message.Pieces.Add(piece);
            }
        }
    }

    /// <summary>Adds the place of the next listed picture.</summary>
    public void Place()
    {
        _placeholders++;
        _messages[^1].Pieces.Add(null);
    }

    /// <summary>Adds a picture in place.</summary>
    public void Image(ImageSource image) => _messages[^1].Pieces.Add(image);

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
                $"{row.Origin}: the text has {_placeholders} '{Placeholder}' placeholder(s), but key '{_listKey}' lists {_listed.Count} picture(s). Every picture needs exactly one placeholder."));
        }

        ConversationRules.Check(row.Origin, _messages);
        var placed = new List<ImageSource>();
        var queue = new Queue<ImageSource>(_listed);
        var messages = new List<ChatMessage>(_messages.Count);
        foreach (Draft draft in _messages)
        {
            messages.Add(draft.ToMessage(queue, placed));
        }

        return new Sample { Messages = messages, Images = placed, Origin = row.Origin, RowId = row.Id, Task = Row.TryText("task_type") };
    }

    /// <summary>A message in the making; a piece is text, a picture, or null for the next listed picture.</summary>
    internal sealed class Draft(string role, string key)
    {
        public string Role => role;

        public string Key => key;

        public List<object?> Pieces { get; } = [];

        public bool IsList { get; set; }

        public IReadOnlyDictionary<string, object?>? Extra { get; set; }

        public bool HasImages => Pieces.Any(p => p is not string);

        public bool HasText => Pieces.Any(p => p is string text && !string.IsNullOrWhiteSpace(text));

        public ChatMessage ToMessage(Queue<ImageSource> listed, List<ImageSource> placed)
        {
            ChatMessage message = Pieces is [string only] && !IsList
                ? new ChatMessage(role, only)
                : Pieces.Count == 0 ? new ChatMessage(role) : new ChatMessage(role, [.. Pieces.Select(p => Part(p, listed, placed))]);
            return Extra is null ? message : message with { Extra = Extra };
        }

        private static ContentPart Part(object? piece, Queue<ImageSource> listed, List<ImageSource> placed)
        {
            if (piece is string text)
            {
                return new TextPart(text);
            }

            placed.Add(piece as ImageSource ?? listed.Dequeue());
            return new ImagePart();
        }
    }
}
