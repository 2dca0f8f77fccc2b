namespace Lorikeet.Text.Tokenizers;

/// <summary>A token that is found in the text before the model sees it.</summary>
internal sealed record AddedToken(string Content)
{
    /// <summary>Only between characters that form no word with it.</summary>
    public bool SingleWord { get; init; }

    /// <summary>Takes the white space on its left.</summary>
    public bool LStrip { get; init; }

    /// <summary>Takes the white space on its right.</summary>
    public bool RStrip { get; init; }

    /// <summary>Matches the normalized text (by its own normalized form) instead of the input.</summary>
    public bool Normalized { get; init; }

    /// <summary>Left out of a decoded text on request.</summary>
    public bool Special { get; init; }
}

/// <summary>
/// Added tokens by content and id, and the search for them.
/// Source: the reference tokenizer's added vocabulary: leftmost-longest matches, ids by the model's vocabulary first.
/// </summary>
internal sealed class AddedVocabulary(Vocabulary vocabulary, INormalizer? normalizer)
{
    private readonly Dictionary<string, int> _ids = new(StringComparer.Ordinal);
    private readonly Dictionary<int, AddedToken> _tokens = [];
    private readonly Dictionary<int, string> _normalized = [];
    private readonly HashSet<string> _special = new(StringComparer.Ordinal);
    private TokenTrie? _plainTrie;
    private TokenTrie? _normalizedTrie;
    private int _next;

    /// <summary>Added tokens that the model's vocabulary lacks.</summary>
    public int Extra { get; private set; }

    /// <summary>Special tokens in a text are plain text (split_special_tokens of tokenizer_config.json).</summary>
    public bool IgnoreSpecialInText { get; set; }

    public IReadOnlyDictionary<int, AddedToken> Tokens => _tokens;

    /// <summary>Texts that become special tokens wherever they stand.</summary>
    public IReadOnlyList<string> SpecialTokens => IgnoreSpecialInText ? [] : [.. _special.Order(StringComparer.Ordinal)];

    public bool TryGetId(string content, out int id) => _ids.TryGetValue(content, out id);

    /// <summary>The token as decoding sees it: its normalized form where it is matched in normalized text.</summary>
    public string? TokenForDecoding(int id) =>
        _normalized.TryGetValue(id, out string? form) ? form : _tokens.TryGetValue(id, out AddedToken? token) ? token.Content : null;

    public bool IsSpecial(string token) => _special.Contains(token);

    /// <summary>
    /// Begins a group of additions: new ids count from behind the largest added one, or from the size of the
    /// model's vocabulary while all added tokens lie within it.
    /// </summary>
    public void BeginGroup()
    {
        int largest = _tokens.Count == 0 ? -1 : _tokens.Keys.Max();
        _next = largest >= vocabulary.Count ? largest + 1 : vocabulary.Count;
    }

    /// <summary>Adds a token, or changes one that is there, and returns its id; -1 for an empty one, which is ignored.</summary>
    public int Add(AddedToken token)
    {
        if (token.Content.Length == 0)
        {
            return -1;
        }

        if (!_ids.TryGetValue(token.Content, out int id) && !vocabulary.TryGetId(token.Content, out id))
        {
            id = _next++;
            Extra++;
        }

        _ids[token.Content] = id;
        _tokens[id] = token;
        _normalized.Remove(id);
        if (token.Normalized && normalizer is not null && Normalize(token.Content) is var form && form != token.Content)
        {
            _normalized[id] = form;
        }

        if (token.Special)
        {
            _special.Add(token.Content);
        }

        return id;
    }

    /// <summary>Builds the search structures; to be called after the last Add.</summary>
    public void Seal()
    {
        TokenTrie plain = new();
        TokenTrie normalized = new();
        foreach ((int id, AddedToken token) in _tokens.OrderBy(entry => entry.Key))
        {
            (token.Normalized ? normalized : plain).Add(_normalized.GetValueOrDefault(id, token.Content), id);
        }

        _plainTrie = plain.IsEmpty ? null : plain;
        _normalizedTrie = normalized.IsEmpty ? null : normalized;
    }

    /// <summary>Cuts a text at the added tokens and normalizes what lies between.</summary>
    public List<Piece> Extract(AlignedText text)
    {
        List<Piece> pieces = [];
        if (text.Length == 0)
        {
            return pieces;
        }

        Cut(new Piece(text, 0, text.Length, 0), _plainTrie, pieces);
        if (normalizer is null && _normalizedTrie is null)
        {
            return pieces;
        }

        List<Piece> output = new(pieces.Count);
        foreach (Piece piece in pieces)
        {
            if (piece.TokenId >= 0)
            {
                output.Add(piece);
                continue;
            }

            Piece changed = normalizer is null ? piece : normalizer.Normalize(piece);
            if (changed.Length > 0)
            {
                Cut(changed with { Origin = changed.Text.From(changed.Start) }, _normalizedTrie, output);
            }
        }

        return output;
    }

    private string Normalize(string content)
    {
        int[] chars = CodePoint.FromString(content);
        return CodePoint.ToString(normalizer!.Normalize(new Piece(new AlignedText(chars, chars.Length), 0, chars.Length, 0)).Chars);
    }

    private void Cut(Piece piece, TokenTrie? trie, List<Piece> output)
    {
        ReadOnlySpan<int> chars = piece.Chars;
        int done = 0;
        int at = 0;
        while (trie is not null && trie.FindNext(chars, at, out int start, out int end, out int id))
        {
            at = end;
            AddedToken token = _tokens[id];
            if (IgnoreSpecialInText && _special.Contains(token.Content))
            {
                continue;
            }

            if (token.SingleWord && ((start > 0 && CodePoint.IsWord(chars[start - 1])) || (end < chars.Length && CodePoint.IsWord(chars[end]))))
            {
                continue;
            }

            while (token.LStrip && start > done && CodePoint.IsWhiteSpace(chars[start - 1]))
            {
                start--;
            }

            // A match inside white space that the one before has taken: nothing of it is left.
            start = token.LStrip ? Math.Max(start, done) : start;
            while (token.RStrip && end < chars.Length && CodePoint.IsWhiteSpace(chars[end]))
            {
                end++;
            }

            if (end <= start)
            {
                continue;
            }

            if (start > done)
            {
                output.Add(piece.Slice(done, start - done));
            }

            output.Add(piece.Slice(start, end - start) with { TokenId = id });
            done = end;
        }

        if (done < chars.Length)
        {
            output.Add(piece.Slice(done, chars.Length - done));
        }
    }
}
