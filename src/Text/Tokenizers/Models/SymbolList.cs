namespace Lorikeet.Text.Tokenizers;

/// <summary>The symbols of one word while BPE merges them.</summary>
internal sealed class SymbolList(MergeTable merges)
{
    // Up to here the best pair is found by looking at all; beyond, by a heap.
    private const int ScanLimit = 24;

    private readonly PriorityQueue<(int Position, int Merged), long> _queue = new();
    private readonly long[] _merges = new long[ScanLimit];
    private int[] _ids = new int[64];
    private int[] _lengths = new int[64];
    private int[] _previous = [];
    private int[] _next = [];

    public int Count { get; private set; }

    /// <summary>Token of each symbol.</summary>
    public ReadOnlySpan<int> Ids => _ids.AsSpan(0, Count);

    /// <summary>Bytes of UTF-8 that each symbol covers.</summary>
    public ReadOnlySpan<int> Lengths => _lengths.AsSpan(0, Count);

    public void Clear() => Count = 0;

    /// <summary>Drops the symbols from <paramref name="count"/> on.</summary>
    public void Truncate(int count) => Count = count;

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

    /// <summary>Merges the pair of lowest rank, the leftmost of equals, until none is left.</summary>
    public void MergeAll()
    {
        if (Count <= ScanLimit)
        {
            MergeByScan();
        }
        else
        {
            MergeByHeap();
        }
    }

    private void MergeByScan()
    {
        // Entry i: the merge of symbols i and i + 1.
        for (int i = 0; i + 1 < Count; i++)
        {
            _merges[i] = merges.Get(_ids[i], _ids[i + 1]);
        }

        while (Count > 1)
        {
            int best = 0;
            for (int i = 1; i + 1 < Count; i++)
            {
                best = (_merges[i] >> 32) < (_merges[best] >> 32) ? i : best;
            }

            if (_merges[best] == long.MaxValue)
            {
                return;
            }

            _ids[best] = (int)_merges[best];
            _lengths[best] += _lengths[best + 1];
            int tail = Count - best - 2;
            _ids.AsSpan(best + 2, tail).CopyTo(_ids.AsSpan(best + 1));
            _lengths.AsSpan(best + 2, tail).CopyTo(_lengths.AsSpan(best + 1));
            _merges.AsSpan(best + 2, Math.Max(0, tail)).CopyTo(_merges.AsSpan(best + 1));
            Count--;
            if (best > 0)
            {
                _merges[best - 1] = merges.Get(_ids[best - 1], _ids[best]);
            }

            if (best + 1 < Count)
            {
                _merges[best] = merges.Get(_ids[best], _ids[best + 1]);
            }
        }
    }

    private void MergeByHeap()
    {
        Link();
        for (int i = 0; i + 1 < Count; i++)
        {
            Enqueue(i, i + 1);
        }

        while (_queue.TryDequeue(out (int Position, int Merged) top, out _))
        {
            int left = top.Position;
            int right = _lengths[left] == 0 ? -1 : _next[left];

            // An entry is stale when one of its symbols has been merged since.
            if (right < 0 || merges.Get(_ids[left], _ids[right]) is var merge && (merge == long.MaxValue || (int)merge != top.Merged))
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

        Count = count;
    }

    private void Link()
    {
        if (_next.Length < Count)
        {
            _next = new int[Count * 2];
            _previous = new int[Count * 2];
        }

        for (int i = 0; i < Count; i++)
        {
            _previous[i] = i - 1;
            _next[i] = i + 1 < Count ? i + 1 : -1;
        }

        _queue.Clear();
    }

    private void Enqueue(int left, int right)
    {
        long merge = merges.Get(_ids[left], _ids[right]);
        if (merge != long.MaxValue)
        {
            // Rank first, then position.
            _queue.Enqueue((left, (int)merge), (merge >> 32 << 32) | (uint)left);
        }
    }
}
