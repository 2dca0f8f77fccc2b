using System.Globalization;

namespace Lorikeet.Text.Tokenizers;

/// <summary>Rewrites text before it is split.</summary>
internal interface INormalizer
{
    /// <summary>The piece, rewritten; the alignment to the input is kept.</summary>
    Piece Normalize(Piece piece);
}

/// <summary>One normalizer after the other.</summary>
internal sealed class SequenceNormalizer(IReadOnlyList<INormalizer> parts) : INormalizer
{
    /// <inheritdoc />
    public Piece Normalize(Piece piece)
    {
        foreach (INormalizer part in parts)
        {
            piece = part.Normalize(piece);
        }

        return piece;
    }
}

/// <summary>Puts a text before every non-empty piece.</summary>
internal sealed class PrependNormalizer(string text) : INormalizer
{
    private readonly int[] _text = CodePoint.FromString(text);

    /// <inheritdoc />
    public Piece Normalize(Piece piece) => piece.Length == 0 ? piece : Prepend(piece, _text);

    /// <summary>The piece with text before it that is aligned to its first code point.</summary>
    public static Piece Prepend(Piece piece, int[] text)
    {
        TextEditor editor = new(piece, piece.Length + text.Length);
        for (int i = 0; i < text.Length; i++)
        {
            editor.Put(text[i], i == 0 ? 0 : 1);
        }

        editor.Put(piece.Chars[0], 1);
        if (text.Length == 0)
        {
            editor.Skip(1);
        }

        editor.Keep(piece.Length - 1);
        return editor.Finish();
    }
}

/// <summary>Replaces what a pattern matches.</summary>
internal sealed class ReplaceNormalizer(CodePointPattern pattern, string content) : INormalizer
{
    private readonly int[] _content = CodePoint.FromString(content);

    /// <inheritdoc />
    public Piece Normalize(Piece piece)
    {
        List<(int Start, int End)> matches = [];
        if (piece.Length > 0)
        {
            pattern.FindAll(piece.Chars, matches);
        }

        if (matches.Count == 0)
        {
            return piece;
        }

        TextEditor editor = new(piece, piece.Length + (matches.Count * _content.Length));
        int at = 0;
        foreach ((int start, int end) in matches)
        {
            editor.Keep(start - at);
            editor.Skip(end - start);
            foreach (int c in _content)
            {
                editor.Put(c, 1);
            }

            at = end;
        }

        editor.Keep(piece.Length - at);
        return editor.Finish();
    }
}

/// <summary>Lower case, code point by code point (no final-sigma rule, as in the reference).</summary>
internal sealed class LowercaseNormalizer : INormalizer
{
    /// <inheritdoc />
    public Piece Normalize(Piece piece)
    {
        TextEditor editor = new(piece, piece.Length);
        foreach (int c in piece.Chars)
        {
            // The only code point whose full lower case is longer than one.
            editor.Put(c == 0x130 ? 'i' : CodePoint.ToLower(c), 0);
            if (c == 0x130)
            {
                editor.Put(0x307, 1);
            }
        }

        return editor.Finish();
    }
}

/// <summary>Drops white space at the ends.</summary>
internal sealed class StripNormalizer(bool left, bool right) : INormalizer
{
    /// <inheritdoc />
    public Piece Normalize(Piece piece)
    {
        int start = 0;
        int end = piece.Length;
        while (left && start < end && CodePoint.IsWhiteSpace(piece.Chars[start]))
        {
            start++;
        }

        while (right && end > start && CodePoint.IsWhiteSpace(piece.Chars[end - 1]))
        {
            end--;
        }

        return new Piece(piece.Text, piece.Start + start, end - start, piece.Origin);
    }
}

/// <summary>Drops the code points that a rule rejects and maps the others.</summary>
internal sealed class FilterNormalizer(Func<int, bool> keep, Func<int, int>? map = null) : INormalizer
{
    /// <summary>Drops every combining mark.</summary>
    public static FilterNormalizer StripAccents() => new(c => !NormalizationData.Instance.IsMark(c));

    /// <summary>Control characters out, odd spaces to plain ones.</summary>
    public static FilterNormalizer Nmt() => new(
        c => c is not ((>= 1 and <= 8) or 0xB or (>= 0xE and <= 0x1F) or 0x7F or 0x8F or 0x9F),
        c => c is 9 or 10 or 12 or 13 or 0x1680 or (>= 0x200B and <= 0x200F) or 0x2028 or 0x2029 or 0x2581 or 0xFEFF or 0xFFFD ? ' ' : c);

    /// <inheritdoc />
    public Piece Normalize(Piece piece)
    {
        TextEditor editor = new(piece, piece.Length);
        foreach (int c in piece.Chars)
        {
            if (keep(c))
            {
                editor.Put(map is null ? c : map(c), 0);
            }
            else
            {
                editor.Skip(1);
            }
        }

        return editor.Finish();
    }
}

/// <summary>Writes each piece as the characters that stand for its UTF-8 bytes.</summary>
internal sealed class ByteLevelNormalizer : INormalizer
{
    /// <inheritdoc />
    public Piece Normalize(Piece piece)
    {
        TextEditor editor = new(piece, piece.Length * 2);
        Span<byte> bytes = stackalloc byte[4];
        foreach (int c in piece.Chars)
        {
            int n = CodePoint.EncodeUtf8(c, bytes);
            for (int i = 0; i < n; i++)
            {
                editor.Put(ByteAlphabet.Char(bytes[i]), i == 0 ? 0 : 1);
            }
        }

        return editor.Finish();
    }
}

/// <summary>BERT's clean-up: control characters, spaces around ideographs, accents, case.</summary>
internal sealed class BertNormalizer : INormalizer
{
    private readonly List<INormalizer> _parts = [];

    public BertNormalizer(bool cleanText, bool handleChineseChars, bool stripAccents, bool lowercase)
    {
        if (cleanText)
        {
            _parts.Add(new FilterNormalizer(
                c => c is not (0 or 0xFFFD) && !IsControl(c),
                c => CodePoint.IsWhiteSpace(c) ? ' ' : c));
        }

        if (handleChineseChars)
        {
            _parts.Add(new SpacedIdeographs());
        }

        if (stripAccents)
        {
            _parts.Add(new UnicodeNormalizer(compatible: false, compose: false));
            _parts.Add(new FilterNormalizer(c => c < 0x300 || CodePoint.Category(c) != UnicodeCategory.NonSpacingMark));
        }

        if (lowercase)
        {
            _parts.Add(new LowercaseNormalizer());
        }
    }

    /// <inheritdoc />
    public Piece Normalize(Piece piece)
    {
        foreach (INormalizer part in _parts)
        {
            piece = part.Normalize(piece);
        }

        return piece;
    }

    private static bool IsControl(int c) =>
        c is not ('\t' or '\n' or '\r')
        && CodePoint.Category(c) is UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.PrivateUse or UnicodeCategory.Surrogate;

    private sealed class SpacedIdeographs : INormalizer
    {
        public Piece Normalize(Piece piece)
        {
            TextEditor editor = new(piece, piece.Length);
            foreach (int c in piece.Chars)
            {
                bool ideograph = IsIdeograph(c);
                editor.Put(ideograph ? ' ' : c, 0);
                if (ideograph)
                {
                    editor.Put(c, 1);
                    editor.Put(' ', 1);
                }
            }

            return editor.Finish();
        }

        private static bool IsIdeograph(int c) => c is
            (>= 0x4E00 and <= 0x9FFF) or (>= 0x3400 and <= 0x4DBF) or (>= 0x20000 and <= 0x2A6DF) or (>= 0x2A700 and <= 0x2B73F)
            or (>= 0x2B740 and <= 0x2B81F) or (>= 0x2B920 and <= 0x2CEAF) or (>= 0xF900 and <= 0xFAFF) or (>= 0x2F800 and <= 0x2FA1F);
    }
}
