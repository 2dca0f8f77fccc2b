namespace Lorikeet.Text.Tokenizers;

/// <summary>Tokens of one text, or of the post-processor, before they are joined.</summary>
internal sealed class Segment
{
    private readonly int[]? _utf16;

    /// <param name="text">The encoded text; null for tokens that are in no text.</param>
    /// <param name="codePoints">Number of code points of the text.</param>
    public Segment(string? text, int codePoints)
    {
        if (text is not null && text.Length != codePoints)
        {
            _utf16 = Utf16Starts(text, codePoints);
        }
    }

    public List<int> Ids { get; } = [];

    public List<string> Tokens { get; } = [];

    public List<(int Start, int End)> Offsets { get; } = [];

    public bool Special { get; init; }

    public int TypeId { get; set; }

    /// <summary>All segments as one encoding.</summary>
    public static Encoding Join(IReadOnlyList<Segment> segments)
    {
        int count = segments.Sum(segment => segment.Ids.Count);
        Encoding encoding = new()
        {
            Ids = new int[count],
            Tokens = new string[count],
            Offsets = new (int, int)[count],
            Utf16Offsets = new (int, int)[count],
            SpecialTokensMask = new int[count],
            TypeIds = new int[count],
        };
        int at = 0;
        foreach (Segment segment in segments)
        {
            int n = segment.Ids.Count;
            segment.Ids.CopyTo(encoding.Ids, at);
            segment.Tokens.CopyTo(encoding.Tokens, at);
            segment.Offsets.CopyTo(encoding.Offsets, at);
            for (int i = 0; i < n; i++)
            {
                (int start, int end) = segment.Offsets[i];
                encoding.Utf16Offsets[at + i] = (segment.Utf16(start), segment.Utf16(end));
            }

            encoding.SpecialTokensMask.AsSpan(at, n).Fill(segment.Special ? 1 : 0);
            encoding.TypeIds.AsSpan(at, n).Fill(segment.TypeId);
            at += n;
        }

        return encoding;
    }

    private static int[] Utf16Starts(string text, int codePoints)
    {
        int[] starts = new int[codePoints + 1];
        int at = 0;
        for (int i = 0; i < text.Length; i++)
        {
            starts[at++] = i;
            if (char.IsHighSurrogate(text[i]) && i + 1 < text.Length && char.IsLowSurrogate(text[i + 1]))
            {
                i++;
            }
        }

        starts[codePoints] = text.Length;
        return starts;
    }

    private int Utf16(int codePoint) => _utf16 is null ? codePoint : _utf16[Math.Clamp(codePoint, 0, _utf16.Length - 1)];
}
