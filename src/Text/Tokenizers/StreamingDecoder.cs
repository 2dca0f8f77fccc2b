namespace Lorikeet.Text.Tokenizers;

/// <summary>
/// Decodes ids as they are generated. What it returns, joined, equals <see cref="Tokenizer.Decode"/> of all ids.
/// Not for use by two threads at a time.
/// </summary>
public sealed class StreamingDecoder
{
    private readonly Tokenizer _tokenizer;
    private readonly bool _skipSpecialTokens;
    private DecodeOutput _output = new();
    private DecodeStage _chain;

    internal StreamingDecoder(Tokenizer tokenizer, bool skipSpecialTokens)
    {
        _tokenizer = tokenizer;
        _skipSpecialTokens = skipSpecialTokens;
        _chain = tokenizer.CreateDecodeChain(_output);
    }

    /// <summary>
    /// Takes the next id.
    /// </summary>
    /// <param name="id">A token id; an id that the vocabulary lacks adds nothing, as in <see cref="Tokenizer.Decode"/>.</param>
    /// <returns>The text that is now certain: never half a character, empty while one is incomplete.</returns>
    public string Push(int id)
    {
        if (_tokenizer.TokenForDecoding(id, _skipSpecialTokens) is { } token)
        {
            _chain.Push(token, first: true, last: true);
        }

        return _output.Take();
    }

    /// <summary>Ends the text and makes the decoder ready for another one.</summary>
    /// <returns>What was held back; bytes that form no character come as U+FFFD.</returns>
    public string Flush()
    {
        _chain.Finish();
        string text = _output.Take();
        _output = new DecodeOutput();
        _chain = _tokenizer.CreateDecodeChain(_output);
        return text;
    }
}
