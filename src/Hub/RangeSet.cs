namespace Lorikeet.Hub;

/// <summary>Bytes from <paramref name="Start"/> up to, not including, <paramref name="End"/>.</summary>
internal readonly record struct ByteRange(long Start, long End)
{
    public long Length => End - Start;
}

/// <summary>A set of bytes of a file, kept as sorted ranges that do not touch.</summary>
internal sealed class RangeSet
{
    private readonly List<ByteRange> _ranges = [];

    /// <summary>The ranges in order.</summary>
    public IReadOnlyList<ByteRange> Ranges => _ranges;

    /// <summary>How many bytes are in the set.</summary>
    public long Count => _ranges.Sum(range => range.Length);

    /// <summary>Makes the set empty.</summary>
    public void Clear() => _ranges.Clear();

    /// <summary>Adds a range.</summary>
    public void Add(ByteRange range)
    {
        if (range.Length <= 0)
        {
            return;
        }

        int first = _ranges.FindIndex(r => r.End >= range.Start);
        if (first < 0)
        {
            _ranges.Add(range);
            return;
        }

        int last = first;
        for (; last < _ranges.Count && _ranges[last].Start <= range.End; last++)
        {
            range = new ByteRange(Math.Min(range.Start, _ranges[last].Start), Math.Max(range.End, _ranges[last].End));
        }

        _ranges.RemoveRange(first, last - first);
        _ranges.Insert(first, range);
    }

    /// <summary>What is missing of the first <paramref name="size"/> bytes, in pieces of at most <paramref name="piece"/> bytes.</summary>
    public List<ByteRange> Missing(long size, long piece)
    {
        var gaps = new List<ByteRange>();
        long at = 0;
        foreach (ByteRange range in _ranges.Append(new ByteRange(size, size)))
        {
            for (; at < range.Start; at = gaps[^1].End)
            {
                gaps.Add(new ByteRange(at, Math.Min(range.Start, at + piece)));
            }

            at = Math.Max(at, range.End);
        }

        return gaps;
    }
}
