namespace Lorikeet.Text.Tokenizers;

/// <summary>Adds the tokens that frame a text (BOS, separators) and trims offsets.</summary>
internal interface IPostProcessor
{
    /// <summary>The segments after this step. A text comes as one segment, a pair as two.</summary>
    IReadOnlyList<Segment> Process(IReadOnlyList<Segment> segments, bool addSpecialTokens);
}

/// <summary>One after the other.</summary>
internal sealed class SequencePostProcessor(IReadOnlyList<IPostProcessor> parts) : IPostProcessor
{
    /// <inheritdoc />
    public IReadOnlyList<Segment> Process(IReadOnlyList<Segment> segments, bool addSpecialTokens)
    {
        foreach (IPostProcessor part in parts)
        {
            segments = part.Process(segments, addSpecialTokens);
        }

        return segments;
    }
}

/// <summary>Keeps white space out of the offsets of byte-level tokens.</summary>
internal sealed class ByteLevelPostProcessor(bool trimOffsets, bool addPrefixSpace) : IPostProcessor
{
    private static readonly int SpaceChar = ByteAlphabet.Char(' ');

    /// <inheritdoc />
    public IReadOnlyList<Segment> Process(IReadOnlyList<Segment> segments, bool addSpecialTokens)
    {
        if (trimOffsets)
        {
            foreach (Segment segment in segments)
            {
                Trim(segment, addPrefixSpace);
            }
        }

        return segments;
    }

    public static void Trim(Segment segment, bool addPrefixSpace)
    {
        for (int i = 0; i < segment.Ids.Count; i++)
        {
            string token = segment.Tokens[i];
            int leading = 0;
            while (leading < token.Length && IsSpace(token[leading]))
            {
                leading++;
            }

            int trailing = 0;
            while (trailing < token.Length && IsSpace(token[^(trailing + 1)]))
            {
                trailing++;
            }

            (int start, int end) = segment.Offsets[i];

            // A single space at the very beginning may be the one that was added: it has no place in the text.
            bool added = addPrefixSpace && leading == 1 && (i == 0 || start == 0);
            start = added ? start : Math.Min(start + leading, end);
            end = trailing > 0 && end >= trailing ? Math.Max(end - trailing, start) : end;
            segment.Offsets[i] = (start, end);
        }
    }

    private static bool IsSpace(char c) => c == SpaceChar || CodePoint.IsWhiteSpace(c);
}

/// <summary>One piece of a template: a text or special tokens.</summary>
/// <param name="Sequence">0 or 1 for the first or second text, -1 for special tokens.</param>
/// <param name="TypeId">Type id of its tokens.</param>
/// <param name="Ids">Ids of the special tokens.</param>
/// <param name="Tokens">The special tokens.</param>
internal sealed record TemplatePiece(int Sequence, int TypeId, int[] Ids, string[] Tokens);

/// <summary>Puts texts and special tokens together as a template says.</summary>
internal sealed class TemplatePostProcessor(IReadOnlyList<TemplatePiece> single, IReadOnlyList<TemplatePiece> pair) : IPostProcessor
{
    /// <inheritdoc />
    public IReadOnlyList<Segment> Process(IReadOnlyList<Segment> segments, bool addSpecialTokens)
    {
        List<Segment> output = [];
        foreach (TemplatePiece piece in segments.Count == 1 ? single : pair)
        {
            if (piece.Sequence >= 0)
            {
                Segment segment = segments[piece.Sequence];
                segment.TypeId = piece.TypeId;
                output.Add(segment);
            }
            else if (addSpecialTokens)
            {
                output.Add(SpecialTokens(piece));
            }
        }

        return output;
    }

    private static Segment SpecialTokens(TemplatePiece piece)
    {
        Segment segment = new(null, 0) { Special = true, TypeId = piece.TypeId };
        for (int i = 0; i < piece.Ids.Length; i++)
        {
            segment.Ids.Add(piece.Ids[i]);
            segment.Tokens.Add(piece.Tokens[i]);
            segment.Offsets.Add((0, 0));
        }

        return segment;
    }
}

/// <summary>RoBERTa's frame: one type id for everything, trimmed offsets, and the pair between separators of its own.</summary>
internal sealed class RobertaPostProcessor(TemplatePostProcessor frame, bool trimOffsets, bool addPrefixSpace) : IPostProcessor
{
    /// <inheritdoc />
    public IReadOnlyList<Segment> Process(IReadOnlyList<Segment> segments, bool addSpecialTokens)
    {
        foreach (Segment segment in segments)
        {
            segment.TypeId = 0;
            if (trimOffsets)
            {
                ByteLevelPostProcessor.Trim(segment, addPrefixSpace);
            }
        }

        return frame.Process(segments, addSpecialTokens);
    }
}
