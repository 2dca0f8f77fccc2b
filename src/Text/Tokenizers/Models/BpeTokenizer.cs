namespace Lorikeet.Text.Tokenizers;

/// <summary>The merging of words for one caller: buffers and the cache of words.</summary>
internal sealed class BpeTokenizer(BpeModel model) : IWordTokenizer
{
    private readonly WordCache _cache = new();
    private readonly SymbolList _symbols = new(model.Merges);
    private char[] _text = new char[64];

    /// <inheritdoc />
    public void Tokenize(ReadOnlySpan<int> word, TokenBuffer tokens)
    {
        tokens.Clear();
        int separator = model.Separator;
        while (separator >= 0 && NextWord(word, separator) is int cut && cut < word.Length)
        {
            TokenizeWord(word[..cut], tokens);
            word = word[cut..];
        }

        TokenizeWord(word, tokens);
    }

    // Where a new run of space marks begins.
    private static int NextWord(ReadOnlySpan<int> word, int separator)
    {
        for (int i = 1; i < word.Length; i++)
        {
            if (word[i] == separator && word[i - 1] != separator)
            {
                return i;
            }
        }

        return word.Length;
    }

    private void TokenizeWord(ReadOnlySpan<int> word, TokenBuffer tokens)
    {
        if (model.Options.IgnoreMerges && WholeWord(word, tokens))
        {
            return;
        }

        if (_cache.TryGet(word, tokens))
        {
            return;
        }

        _symbols.Clear();
        Characters(word);
        _symbols.MergeAll();
        for (int i = 0; i < _symbols.Count; i++)
        {
            tokens.Add(_symbols.Ids[i], _symbols.Lengths[i]);
        }

        _cache.Add(word, _symbols.Ids, _symbols.Lengths);
    }

    private bool WholeWord(ReadOnlySpan<int> word, TokenBuffer tokens)
    {
        if (_text.Length < word.Length * 2)
        {
            _text = new char[word.Length * 2];
        }

        int length = 0;
        int bytes = 0;
        foreach (int c in word)
        {
            bytes += CodePoint.Utf8Length(c);
            if (c < 0x10000)
            {
                _text[length++] = (char)c;
            }
            else
            {
                _text[length++] = (char)(0xD7C0 + (c >> 10));
                _text[length++] = (char)(0xDC00 + (c & 0x3FF));
            }
        }

        if (!model.Vocabulary.TryGetId(_text.AsSpan(0, length), out int id))
        {
            return false;
        }

        tokens.Add(id, bytes);
        return true;
    }

    private void Characters(ReadOnlySpan<int> word)
    {
        BpeOptions options = model.Options;
        bool decorated = options.ContinuingSubwordPrefix.Length > 0 || options.EndOfWordSuffix.Length > 0;
        Span<int> single = stackalloc int[1];
        int unknownLength = 0;
        for (int i = 0; i < word.Length; i++)
        {
            int length = CodePoint.Utf8Length(word[i]);
            single[0] = word[i];
            ReadOnlySpan<int> symbol = decorated ? Decorated(word, i) : single;
            int id = decorated ? SymbolId(symbol) : model.CharacterId(word[i]);
            if (id >= 0)
            {
                FlushUnknown(ref unknownLength);
                _symbols.Add(id, length);
            }
            else if (!AddBytes(symbol) && options.UnknownToken is not null)
            {
                if (model.UnknownId < 0)
                {
                    throw new InvalidDataException($"the tokenizer's model.unk_token '{options.UnknownToken}' is not in its vocabulary, and a text needs it.");
                }

                if (!options.FuseUnknown)
                {
                    FlushUnknown(ref unknownLength);
                }

                unknownLength += length;
            }
        }

        FlushUnknown(ref unknownLength);
    }

    // A character with the prefix that marks a continued word and the suffix that marks its end.
    private int[] Decorated(ReadOnlySpan<int> word, int index)
    {
        string prefix = index > 0 ? model.Options.ContinuingSubwordPrefix : "";
        string suffix = index == word.Length - 1 ? model.Options.EndOfWordSuffix : "";
        return CodePoint.FromString(prefix + CodePoint.ToString(word.Slice(index, 1)) + suffix);
    }

    private int SymbolId(ReadOnlySpan<int> symbol) => model.Vocabulary.TryGetId(CodePoint.ToString(symbol), out int id) ? id : -1;

    private void FlushUnknown(ref int length)
    {
        if (length > 0)
        {
            _symbols.Add(model.UnknownId, length);
            length = 0;
        }
    }

    // All bytes of the symbol or none.
    private bool AddBytes(ReadOnlySpan<int> symbol)
    {
        if (!model.Options.ByteFallback)
        {
            return false;
        }

        int before = _symbols.Count;
        Span<byte> bytes = stackalloc byte[4];
        foreach (int c in symbol)
        {
            foreach (byte b in bytes[..CodePoint.EncodeUtf8(c, bytes)])
            {
                if (model.ByteId(b) < 0)
                {
                    _symbols.Truncate(before);
                    return false;
                }

                _symbols.Add(model.ByteId(b), 1);
            }
        }

        return true;
    }
}
