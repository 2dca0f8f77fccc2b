namespace Lorikeet.Text.Tokenizers;

/// <summary>One token per word.</summary>
internal sealed class WordLevelModel(Vocabulary vocabulary, string unknownToken) : ITokenModel, IWordTokenizer
{
    /// <inheritdoc />
    public Vocabulary Vocabulary => vocabulary;

    /// <inheritdoc />
    public string? UnknownToken => unknownToken;

    /// <inheritdoc />
    public IWordTokenizer CreateTokenizer() => this;

    /// <inheritdoc />
    public void Tokenize(ReadOnlySpan<int> word, TokenBuffer tokens)
    {
        tokens.Clear();
        string text = CodePoint.ToString(word);
        if (vocabulary.TryGetId(text, out int id) || vocabulary.TryGetId(unknownToken, out id))
        {
            tokens.Add(id, System.Text.Encoding.UTF8.GetByteCount(text));
            return;
        }

        throw new InvalidDataException($"'{text}' is not in the vocabulary, and neither is the model's unk_token '{unknownToken}'.");
    }
}

/// <summary>
/// The longest piece of the vocabulary first; a word that can't be covered is one unknown token.
/// Source: Schuster and Nakajima 2012, as used by BERT.
/// </summary>
internal sealed class WordPieceModel(Vocabulary vocabulary, string unknownToken, string prefix, int maxInputChars) : ITokenModel, IWordTokenizer
{
    /// <inheritdoc />
    public Vocabulary Vocabulary => vocabulary;

    /// <inheritdoc />
    public string? UnknownToken => unknownToken;

    /// <inheritdoc />
    public IWordTokenizer CreateTokenizer() => this;

    /// <inheritdoc />
    public void Tokenize(ReadOnlySpan<int> word, TokenBuffer tokens)
    {
        tokens.Clear();
        int start = word.Length > maxInputChars ? -1 : 0;
        while (start >= 0 && start < word.Length)
        {
            start = Longest(word, start, tokens);
        }

        if (start < 0)
        {
            tokens.Clear();
            int id = vocabulary.TryGetId(unknownToken, out int unknown)
                ? unknown
                : throw new InvalidDataException($"the model's unk_token '{unknownToken}' is not in its vocabulary.");
            tokens.Add(id, Bytes(word));
        }
    }

    // Adds the longest piece at start and returns where it ends, or -1.
    private int Longest(ReadOnlySpan<int> word, int start, TokenBuffer tokens)
    {
        for (int end = word.Length; end > start; end--)
        {
            string text = CodePoint.ToString(word[start..end]);
            if (vocabulary.TryGetId(start > 0 ? prefix + text : text, out int id))
            {
                tokens.Add(id, Bytes(word[start..end]));
                return end;
            }
        }

        return -1;
    }

    private static int Bytes(ReadOnlySpan<int> word)
    {
        int bytes = 0;
        foreach (int c in word)
        {
            bytes += CodePoint.Utf8Length(c);
        }

        return bytes;
    }
}
