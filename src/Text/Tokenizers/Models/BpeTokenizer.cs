namespace Lorikeet.Text.Tokenizers;

/// <summary>The merging of words for one caller: buffers and the cache of words.</summary>
internal sealed class BpeTokenizer(BpeModel model) : IWordTokenizer
{
    // Up to here the best pair is found by looking at all; beyond, by a heap.
    private const int ScanLimit = 24;

    private readonly WordCache _cache = new();
    private readonly TokenBuffer _part = new();
    private readonly PriorityQueue<(int Position, int Merged), long> _queue = new();
    private int[] _ids = new int[64];
    private int[] _lengths = new int[64];
    private int[] _previous = [];
    private int[] _next = [];
    private long[] _merges = new long[ScanLimit];
    private char[] _text = new char[64];
    private int _count;

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

        Characters(word);
        if (_count <= ScanLimit)
        {
            MergeByScan();
        }
        else
        {
            MergeByHeap();
        }

        _part.Clear();
        for (int i = 0; i < _count; i++)
        {
            _part.Add(_ids[i], _lengths[i]);
            tokens.Add(_ids[i], _lengths[i]);
        }

        _cache.Add(word, _part);
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
        _count = 0;
        for (int i = 0; i < word.Length; i++)
        {
            int length = CodePoint.Utf8Length(word[i]);
            single[0] = word[i];
            ReadOnlySpan<int> symbol = decorated ? Decorated(word, i) : single;
            int id = decorated ? SymbolId(symbol) : model.CharacterId(word[i]);
            if (id >= 0)
            {
                FlushUnknown(ref unknownLength);
                Add(id, length);
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
            Add(model.UnknownId, length);
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

        int before = _count;
        Span<byte> bytes = stackalloc byte[4];
        foreach (int c in symbol)
        {
            foreach (byte b in bytes[..CodePoint.EncodeUtf8(c, bytes)])
            {
                if (model.ByteId(b) < 0)
                {
                    _count = before;
                    return false;
                }

                Add(model.ByteId(b), 1);
            }
        }

        return true;
    }

    private void Add(int id, int length)
    {
        if (_count == _ids.Length)
        {
            Array.Resize(ref _ids, _count * 2);
            Array.Resize(ref _lengths, _count * 2);
        }

        _ids[_count] = id;
        _lengths[_count++] = length;
    }

    private void MergeByScan()
    {
        // Entry i: the merge of symbols i and i + 1.
        for (int i = 0; i + 1 < _count; i++)
        {
            _merges[i] = model.Merges.Get(_ids[i], _ids[i + 1]);
        }

        while (_count > 1)
        {
            int best = 0;
            for (int i = 1; i + 1 < _count; i++)
            {
                best = (_merges[i] >> 32) < (_merges[best] >> 32) ? i : best;
            }

            if (_merges[best] == long.MaxValue)
            {
                return;
            }

            _ids[best] = (int)_merges[best];
            _lengths[best] += _lengths[best + 1];
            int tail = _count - best - 2;
            _ids.AsSpan(best + 2, tail).CopyTo(_ids.AsSpan(best + 1));
            _lengths.AsSpan(best + 2, tail).CopyTo(_lengths.AsSpan(best + 1));
            _merges.AsSpan(best + 2, Math.Max(0, tail)).CopyTo(_merges.AsSpan(best + 1));
            _count--;
            if (best > 0)
            {
                _merges[best - 1] = model.Merges.Get(_ids[best - 1], _ids[best]);
            }

            if (best + 1 < _count)
            {
                _merges[best] = model.Merges.Get(_ids[best], _ids[best + 1]);
            }
        }
    }

    private void MergeByHeap()
    {
        Link();
        for (int i = 0; i + 1 < _count; i++)
        {
            Enqueue(i, i + 1);
        }

        while (_queue.TryDequeue(out (int Position, int Merged) top, out _))
        {
            int left = top.Position;
            int right = _lengths[left] == 0 ? -1 : _next[left];

            // An entry is stale when one of its symbols has been merged since.
            if (right < 0 || model.Merges.Get(_ids[left], _ids[right]) is var merge && (merge == long.MaxValue || (int)merge != top.Merged))
            {
                continue;
            }

            _ids[left] = top.Merged;
            _lengths[left] += _lengths[right];
            _lengths[right] = 0;
            _next[left] = _next[right];
            if (_next[left] >= 0)
            {
                _previous[_next[left]] = left;
                Enqueue(left, _next[left]);
            }

            if (_previous[left] >= 0)
            {
                Enqueue(_previous[left], left);
            }
        }

        int count = 0;
        for (int i = 0; i >= 0; i = _next[i])
        {
            _ids[count] = _ids[i];
            _lengths[count++] = _lengths[i];
        }

        _count = count;
    }

    private void Link()
    {
        if (_next.Length < _count)
        {
            _next = new int[_count * 2];
            _previous = new int[_count * 2];
        }

        for (int i = 0; i < _count; i++)
        {
            _previous[i] = i - 1;
            _next[i] = i + 1 < _count ? i + 1 : -1;
        }

        _queue.Clear();
    }

    private void Enqueue(int left, int right)
    {
        long merge = model.Merges.Get(_ids[left], _ids[right]);
        if (merge != long.MaxValue)
        {
            // Rank first, then position.
            _queue.Enqueue((left, (int)merge), (merge >> 32 << 32) | (uint)left);
        }
    }
}
