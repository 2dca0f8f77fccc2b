namespace Lorikeet.Text.Tokenizers;

/// <summary>Tokens of one word: ids and the bytes of the word's UTF-8 that each covers.</summary>
internal sealed class TokenBuffer
{
    private int[] _ids = new int[64];
    private int[] _lengths = new int[64];

    public int Count { get; private set; }

    public ReadOnlySpan<int> Ids => _ids.AsSpan(0, Count);

    public ReadOnlySpan<int> Lengths => _lengths.AsSpan(0, Count);

    public void Clear() => Count = 0;

    public void Add(int id, int length)
    {
        if (Count == _ids.Length)
        {
            Array.Resize(ref _ids, Count * 2);
            Array.Resize(ref _lengths, Count * 2);
        }

        _ids[Count] = id;
        _lengths[Count++] = length;
    }
}

/// <summary>Maps a word to tokens of the vocabulary.</summary>
internal interface ITokenModel
{
    /// <summary>The tokens and their ids.</summary>
    Vocabulary Vocabulary { get; }

    /// <summary>The token for unknown text, if the model names one.</summary>
    string? UnknownToken { get; }

    /// <summary>State of one caller; a model itself is shared by threads.</summary>
    IWordTokenizer CreateTokenizer();
}

/// <summary>Tokenizes words for one caller at a time.</summary>
internal interface IWordTokenizer
{
    /// <summary>Replaces the buffer's content by the tokens of a non-empty word.</summary>
    void Tokenize(ReadOnlySpan<int> word, TokenBuffer tokens);
}
