using System.Globalization;
using System.Text;

namespace Lorikeet.Text.Tokenizers;

/// <summary>Settings of a BPE model, named as in tokenizer.json.</summary>
internal sealed record BpeOptions
{
    public string? UnknownToken { get; init; }

    public string ContinuingSubwordPrefix { get; init; } = "";

    public string EndOfWordSuffix { get; init; } = "";

    public bool FuseUnknown { get; init; }

    public bool ByteFallback { get; init; }

    public bool IgnoreMerges { get; init; }
}

/// <summary>
/// Byte pair encoding: a word starts as its characters, then the pair of neighbours with the lowest rank is merged
/// (the leftmost of equals) until no pair is in the table.
/// Source: Sennrich et al. 2016; unknown characters, byte fallback and fusing as in the reference tokenizer.
/// </summary>
internal sealed class BpeModel : ITokenModel
{
    private const int DirectChars = 0x3100;

    private readonly int[] _direct = new int[DirectChars];
    private readonly Dictionary<int, int> _others = [];
    private readonly int[]? _bytes;
    private readonly int _spaceMark;

    public BpeModel(Vocabulary vocabulary, MergeTable merges, BpeOptions options)
    {
        Vocabulary = vocabulary;
        Merges = merges;
        Options = options;
        UnknownId = options.UnknownToken is not null && vocabulary.TryGetId(options.UnknownToken, out int unknown) ? unknown : -1;
        Array.Fill(_direct, -1);
        for (int id = 0; id <= vocabulary.MaxId; id++)
        {
            if (vocabulary.Token(id) is { Length: 1 or 2 } token && Rune.TryGetRuneAt(token, 0, out Rune rune) && rune.Utf16SequenceLength == token.Length)
            {
                if (rune.Value < DirectChars)
                {
                    _direct[rune.Value] = id;
                }
                else
                {
                    _others[rune.Value] = id;
                }
            }
        }

        _bytes = options.ByteFallback ? ByteTokens(vocabulary) : null;
        _spaceMark = WordsAreSeparable(vocabulary, options, merges) ? SpaceMark : -1;
    }

    /// <summary>U+2581, which stands for a space in vocabularies converted from SentencePiece.</summary>
    public const int SpaceMark = 0x2581;

    /// <inheritdoc />
    public Vocabulary Vocabulary { get; }

    /// <inheritdoc />
    public string? UnknownToken => Options.UnknownToken;

    public MergeTable Merges { get; }

    public BpeOptions Options { get; }

    public int UnknownId { get; }

    /// <summary>
    /// Set while the merges are read: one of them joins something to a space mark on its right.
    /// Without such a merge a text can be cut before each run of marks without changing the result.
    /// </summary>
    public required bool MergesAcrossSpaceMark { get; init; }

    /// <inheritdoc />
    public IWordTokenizer CreateTokenizer() => new BpeTokenizer(this);

    /// <summary>The token of a single character, or -1.</summary>
    public int CharacterId(int c) =>
        c < DirectChars ? _direct[c] : _others.TryGetValue(c, out int id) ? id : -1;

    /// <summary>The token of a byte ("&lt;0x0A&gt;"), or -1.</summary>
    public int ByteId(int value) => _bytes is null ? -1 : _bytes[value];

    /// <summary>U+2581 if words may be tokenized one by one at it, else -1.</summary>
    public int Separator => MergesAcrossSpaceMark ? -1 : _spaceMark;

    private static bool WordsAreSeparable(Vocabulary vocabulary, BpeOptions options, MergeTable merges) =>
        merges is not null
        && !options.IgnoreMerges
        && options.ContinuingSubwordPrefix.Length == 0
        && options.EndOfWordSuffix.Length == 0
        && vocabulary.TryGetId(((char)SpaceMark).ToString(), out _);

    private static int[] ByteTokens(Vocabulary vocabulary)
    {
        int[] ids = new int[256];
        for (int b = 0; b < 256; b++)
        {
            ids[b] = vocabulary.TryGetId(string.Create(CultureInfo.InvariantCulture, $"<0x{b:X2}>"), out int id) ? id : -1;
        }

        return ids;
    }
}
