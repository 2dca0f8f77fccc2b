namespace Lorikeet.Text.Tokenizers;

/// <summary>What a tiktoken file doesn't say about its tokenizer; the model family knows it.</summary>
public sealed record TiktokenOptions
{
    /// <summary>The pattern that cuts a text into words, in the syntax of tokenizer.json's Split patterns.</summary>
    public required string Pattern { get; init; }

    /// <summary>Special tokens in the order of their ids, which follow the last rank.</summary>
    public IReadOnlyList<string> SpecialTokens { get; init; } = [];

    /// <summary>Normalize the whole text to NFC before anything else.</summary>
    public bool NormalizeNfc { get; init; }
}
