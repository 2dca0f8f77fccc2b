namespace Lorikeet.Text.Tokenizers;

/// <summary>GPT-2's splitting (optional), then every byte as a printable character.</summary>
internal sealed class ByteLevelPreTokenizer(bool addPrefixSpace, bool useRegex) : PreTokenizer
{
    private const string Gpt2Pattern = @"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+";

    private readonly SplitPreTokenizer? _words =
        useRegex ? new SplitPreTokenizer(CodePointPattern.Parse(Gpt2Pattern), SplitBehavior.Isolated, invert: false) : null;

    public override void Run(List<Piece> pieces, List<Piece> output)
    {
        List<Piece> current = pieces;
        if (addPrefixSpace)
        {
            current = current.ConvertAll(AddSpace);
        }

        if (_words is not null)
        {
            List<Piece> words = new(current.Count + 16);
            _words.Run(current, words);
            current = words;
        }

        ToBytes(current, output);
    }

    protected override void Split(Piece piece, List<Piece> output) => throw new InvalidOperationException("ByteLevel splits in Run.");

    private static Piece AddSpace(Piece piece) =>
        piece.TokenId >= 0 || piece.Length == 0 || piece.Chars[0] == ' ' ? piece : PrependNormalizer.Prepend(piece, [' ']);

    // All pieces share three arrays: one allocation per text, not per word.
    private static void ToBytes(List<Piece> pieces, List<Piece> output)
    {
        int total = 0;
        foreach (Piece piece in pieces)
        {
            if (piece.TokenId < 0)
            {
                foreach (int c in piece.Chars)
                {
                    total += CodePoint.Utf8Length(c);
                }
            }
        }

        int[] chars = new int[total];
        int[] from = new int[total];
        int[] to = new int[total];
        AlignedText text = new(chars, total, from, to);
        int at = 0;
        Span<byte> bytes = stackalloc byte[4];
        foreach (Piece piece in pieces)
        {
            if (piece.TokenId >= 0)
            {
                output.Add(piece);
                continue;
            }

            int start = at;
            for (int i = piece.Start; i < piece.Start + piece.Length; i++)
            {
                int n = CodePoint.EncodeUtf8(piece.Text.Chars[i], bytes);
                for (int j = 0; j < n; j++)
                {
                    chars[at] = ByteAlphabet.Char(bytes[j]);
                    from[at] = piece.Text.From(i);
                    to[at] = piece.Text.To(i);
                    at++;
                }
            }

            if (at > start)
            {
                output.Add(new Piece(text, start, at - start, piece.Origin));
            }
        }
    }
}
