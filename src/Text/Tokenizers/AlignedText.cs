namespace Lorikeet.Text.Tokenizers;

/// <summary>Code points of a text that may have been rewritten, each with the range of the input it came from.</summary>
internal sealed class AlignedText
{
    private readonly int[]? _from;
    private readonly int[]? _to;

    /// <summary>Unchanged input: code point i is [i, i + 1) of the input.</summary>
    public AlignedText(int[] chars, int length)
    {
        Chars = chars;
        Length = length;
    }

    /// <summary>Rewritten text with one range per code point.</summary>
    public AlignedText(int[] chars, int length, int[] from, int[] to)
        : this(chars, length)
    {
        _from = from;
        _to = to;
    }

    public int[] Chars { get; }

    public int Length { get; }

    public int From(int index) => _from is null ? index : _from[index];

    public int To(int index) => _to is null ? index + 1 : _to[index];

    public ReadOnlySpan<int> Span(int start, int length) => Chars.AsSpan(start, length);
}

/// <summary>A stretch of text on its way to the model, or an added token that was already found.</summary>
/// <param name="Text">The text it lies in.</param>
/// <param name="Start">First code point in <paramref name="Text"/>.</param>
/// <param name="Length">Code points.</param>
/// <param name="Origin">Where the piece began in the input when it was cut.</param>
/// <param name="TokenId">The added token's id, or -1 for text that the model still has to tokenize.</param>
internal readonly record struct Piece(AlignedText Text, int Start, int Length, int Origin, int TokenId = -1)
{
    public ReadOnlySpan<int> Chars => Text.Span(Start, Length);

    /// <summary>A part of this piece.</summary>
    public Piece Slice(int start, int length) => new(Text, Start + start, length, Text.From(Start + start));
}

/// <summary>
/// Writes a changed version of a piece and keeps the alignment: every new code point either replaces the next old
/// one (and inherits its range) or is inserted (and inherits the range of the old one before it).
/// </summary>
internal sealed class TextEditor
{
    private readonly Piece _source;
    private int[] _chars;
    private int[] _from;
    private int[] _to;
    private int _length;
    private int _position;

    public TextEditor(Piece source, int capacity)
    {
        _source = source;
        _chars = new int[capacity];
        _from = new int[capacity];
        _to = new int[capacity];
    }

    /// <summary>Drops the next <paramref name="count"/> old code points.</summary>
    public void Skip(int count) => _position += count;

    /// <summary>Keeps the next <paramref name="count"/> old code points.</summary>
    public void Keep(int count)
    {
        for (int i = 0; i < count; i++)
        {
            Put(_source.Text.Chars[_source.Start + _position], 0);
        }
    }

    /// <summary>Writes one code point: change 1 inserts, 0 replaces the next old one, -n replaces it and drops n more.</summary>
    public void Put(int c, int change)
    {
        if (_length == _chars.Length)
        {
            int capacity = Math.Max(16, _length * 2);
            Array.Resize(ref _chars, capacity);
            Array.Resize(ref _from, capacity);
            Array.Resize(ref _to, capacity);
        }

        int from = _source.Origin;
        int to = _source.Origin;
        int anchor = change > 0 ? _position - 1 : _position;
        if (anchor >= 0 && _source.Length > 0)
        {
            int index = _source.Start + Math.Min(anchor, _source.Length - 1);
            from = _source.Text.From(index);
            to = _source.Text.To(index);
        }

        _chars[_length] = c;
        _from[_length] = from;
        _to[_length] = to;
        _length++;
        if (change <= 0)
        {
            _position += 1 - change;
        }
    }

    /// <summary>The rewritten piece. Its origin is that of the source.</summary>
    public Piece Finish() => new(new AlignedText(_chars, _length, _from, _to), 0, _length, _source.Origin);
}
