using System.Numerics;

namespace Lorikeet.Text.Tokenizers;

/// <summary>Pairs of tokens that BPE merges: rank (lower goes first) and merged token. Open addressing, filled once.</summary>
internal sealed class MergeTable
{
    private const ulong Free = ulong.MaxValue;

    private readonly ulong[] _keys;
    private readonly long[] _values;
    private readonly int _shift;

    public MergeTable(int count)
    {
        int size = (int)BitOperations.RoundUpToPowerOf2((uint)Math.Max(16, (long)count * 2));
        _keys = new ulong[size];
        _values = new long[size];
        _shift = 64 - BitOperations.Log2((uint)size);
        Array.Fill(_keys, Free);
    }

    /// <summary>Sets a pair's merge; a pair given twice keeps the later one, as in the reference.</summary>
    public void Set(int left, int right, int rank, int merged)
    {
        int slot = Find(Key(left, right));
        _keys[slot] = Key(left, right);
        _values[slot] = ((long)rank << 32) | (uint)merged;
    }

    /// <summary>Rank in the upper and merged token in the lower half, or long.MaxValue for a pair that doesn't merge.</summary>
    public long Get(int left, int right)
    {
        int slot = Find(Key(left, right));
        return _keys[slot] == Free ? long.MaxValue : _values[slot];
    }

    private static ulong Key(int left, int right) => ((ulong)(uint)left << 32) | (uint)right;

    private int Find(ulong key)
    {
        int slot = (int)((key * 0x9E3779B97F4A7C15UL) >> _shift);
        while (_keys[slot] != key && _keys[slot] != Free)
        {
            slot = (slot + 1) & (_keys.Length - 1);
        }

        return slot;
    }
}
