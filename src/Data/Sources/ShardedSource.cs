using System.Security.Cryptography;

namespace Lorikeet.Data.Sources;

/// <summary>Several files as one, in the order given.</summary>
internal sealed class ShardedSource : IRowSource
{
    private readonly IReadOnlyList<IRowSource> _shards;
    private readonly long[] _starts;

    public ShardedSource(string path, string folder, IReadOnlyList<IRowSource> shards)
    {
        (Path, Folder, _shards) = (path, folder, shards);
        _starts = new long[shards.Count];
        for (int i = 0; i < shards.Count; i++)
        {
            _starts[i] = Count;
            Count += shards[i].Count;
        }
    }

    public string Path { get; }

    public string Folder { get; }

    public long Count { get; }

    public IReadOnlyList<string> Notes => [.. _shards.SelectMany(s => s.Notes)];

    public Row Read(long index)
    {
        int shard = Find(index);
        return _shards[shard].Read(index - _starts[shard]) with { Id = index };
    }

    public string Describe(long index)
    {
        int shard = Find(index);
        return _shards[shard].Describe(index - _starts[shard]);
    }

    public void AddTo(IncrementalHash hash)
    {
        foreach (IRowSource shard in _shards)
        {
            shard.AddTo(hash);
        }
    }

    public void Dispose()
    {
        foreach (IRowSource shard in _shards)
        {
            shard.Dispose();
        }
    }

    /// <summary>The last shard that begins at or before a row; empty shards begin where their successor does.</summary>
    private int Find(long index)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((ulong)index, (ulong)Count, nameof(index));
        (int low, int high) = (0, _starts.Length - 1);
        while (low < high)
        {
            int middle = (low + high + 1) / 2;
            (low, high) = _starts[middle] <= index ? (middle, high) : (low, middle - 1);
        }

        return low;
    }
}
