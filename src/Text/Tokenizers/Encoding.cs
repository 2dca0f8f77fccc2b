namespace Lorikeet.Text.Tokenizers;

/// <summary>The tokens of a text. All arrays have one entry per token.</summary>
public sealed class Encoding
{
    /// <summary>Ids in the model's vocabulary.</summary>
    public required int[] Ids { get; init; }

    /// <summary>The tokens as the vocabulary spells them; an added token as it stood in the text.</summary>
    public required string[] Tokens { get; init; }

    /// <summary>Range [Start, End) of the input that a token covers, in code points; (0, 0) for tokens of the post-processor.</summary>
    public required (int Start, int End)[] Offsets { get; init; }

    /// <summary>The same ranges in UTF-16 units, that is, indexes of the .NET string.</summary>
    public required (int Start, int End)[] Utf16Offsets { get; init; }

    /// <summary>1 for tokens that the post-processor put in (BOS and the like), else 0.</summary>
    public required int[] SpecialTokensMask { get; init; }

    /// <summary>Which of two texts a token belongs to, as the post-processor numbers them.</summary>
    public required int[] TypeIds { get; init; }

    /// <summary>Number of tokens.</summary>
    public int Length => Ids.Length;
}
