namespace Lorikeet.Text.Tokenizers;

/// <summary>Cuts text into the words that the model sees one by one.</summary>
internal abstract class PreTokenizer
{
    /// <summary>Cuts every piece that is no token yet; empty pieces vanish.</summary>
    public virtual void Run(List<Piece> pieces, List<Piece> output)
    {
        foreach (Piece piece in pieces)
        {
            if (piece.TokenId >= 0)
            {
                output.Add(piece);
            }
            else if (piece.Length > 0)
            {
                Split(piece, output);
            }
        }
    }

    /// <summary>Cuts one non-empty piece.</summary>
    protected abstract void Split(Piece piece, List<Piece> output);
}

/// <summary>One after the other.</summary>
internal sealed class SequencePreTokenizer(IReadOnlyList<PreTokenizer> parts) : PreTokenizer
{
    public override void Run(List<Piece> pieces, List<Piece> output)
    {
        List<Piece> current = pieces;
        for (int i = 0; i < parts.Count; i++)
        {
            List<Piece> next = i == parts.Count - 1 ? output : new List<Piece>(current.Count + 16);
            parts[i].Run(current, next);
            current = next;
        }

        if (parts.Count == 0)
        {
            output.AddRange(pieces);
        }
    }

    protected override void Split(Piece piece, List<Piece> output) => throw new InvalidOperationException("a sequence splits in Run.");
}

/// <summary>What becomes of the stretches that a pattern matches.</summary>
internal enum SplitBehavior
{
    Removed,
    Isolated,
    MergedWithPrevious,
    MergedWithNext,
    Contiguous,
}

/// <summary>Cuts at the matches of a pattern or of a rule for single code points.</summary>
internal sealed class SplitPreTokenizer : PreTokenizer
{
    private readonly CodePointPattern? _pattern;
    private readonly CodePointSet? _set;
    private readonly SplitBehavior _behavior;
    private readonly bool _invert;

    public SplitPreTokenizer(CodePointPattern pattern, SplitBehavior behavior, bool invert)
    {
        _pattern = pattern;
        _behavior = behavior;
        _invert = invert;
    }

    public SplitPreTokenizer(CodePointSet set, SplitBehavior behavior)
    {
        _set = set;
        _behavior = behavior;
    }

    protected override void Split(Piece piece, List<Piece> output)
    {
        List<(int Start, int End)> matches = [];
        if (_pattern is not null)
        {
            _pattern.FindAll(piece.Chars, matches);
        }
        else
        {
            ReadOnlySpan<int> chars = piece.Chars;
            for (int i = 0; i < chars.Length; i++)
            {
                if (_set!.Contains(chars[i]))
                {
                    matches.Add((i, i + 1));
                }
            }
        }

        Cut(piece, Stretches(matches, piece.Length), _behavior, output);
    }

    // Matches and what lies between them, in order.
    private List<(int Start, int End, bool Match)> Stretches(List<(int Start, int End)> matches, int length)
    {
        List<(int Start, int End, bool Match)> stretches = new((matches.Count * 2) + 1);
        int at = 0;
        foreach ((int start, int end) in matches)
        {
            if (start > at)
            {
                stretches.Add((at, start, _invert));
            }

            stretches.Add((start, end, !_invert));
            at = end;
        }

        if (at < length)
        {
            stretches.Add((at, length, _invert));
        }

        return stretches;
    }

    private static void Cut(Piece piece, List<(int Start, int End, bool Match)> stretches, SplitBehavior behavior, List<Piece> output)
    {
        // previous: whether the stretch before (after, for MergedWithNext) was a match.
        bool previous = false;
        int open = -1;
        switch (behavior)
        {
            case SplitBehavior.MergedWithNext:
                CutMergedWithNext(piece, stretches, output);
                return;
            case SplitBehavior.Contiguous or SplitBehavior.MergedWithPrevious:
                for (int i = 0; i < stretches.Count; i++)
                {
                    bool match = stretches[i].Match;
                    bool joins = behavior == SplitBehavior.Contiguous ? match == previous : match && !previous;
                    if (!joins || open < 0)
                    {
                        Add(piece, open, i > 0 ? stretches[i - 1].End : 0, output);
                        open = stretches[i].Start;
                    }

                    previous = match;
                }

                Add(piece, open, stretches.Count > 0 ? stretches[^1].End : 0, output);
                return;
            default:
                foreach ((int start, int end, bool match) in stretches)
                {
                    if (!match || behavior == SplitBehavior.Isolated)
                    {
                        Add(piece, start, end, output);
                    }
                }

                return;
        }
    }

    private static void CutMergedWithNext(Piece piece, List<(int Start, int End, bool Match)> stretches, List<Piece> output)
    {
        int first = output.Count;
        bool previous = false;
        int end = -1;
        for (int i = stretches.Count - 1; i >= 0; i--)
        {
            bool match = stretches[i].Match;
            if (!(match && !previous) || end < 0)
            {
                Add(piece, i + 1 < stretches.Count ? stretches[i + 1].Start : 0, end, output);
                end = stretches[i].End;
            }

            previous = match;
        }

        Add(piece, stretches.Count > 0 ? stretches[0].Start : 0, end, output);
        output.Reverse(first, output.Count - first);
    }

    private static void Add(Piece piece, int start, int end, List<Piece> output)
    {
        if (start >= 0 && end > start)
        {
            output.Add(piece.Slice(start, end - start));
        }
    }
}

/// <summary>Every so many code points.</summary>
internal sealed class FixedLengthPreTokenizer(int length) : PreTokenizer
{
    protected override void Split(Piece piece, List<Piece> output)
    {
        for (int i = 0; i < piece.Length; i += length)
        {
            output.Add(piece.Slice(i, Math.Min(length, piece.Length - i)));
        }
    }
}
