using System.Numerics;

namespace Lorikeet.Text.Tokenizers;

/// <summary>
/// Tokens of words seen lately. Bounded: it is emptied when full, so hostile text costs time, not memory.
/// Words and tokens lie one behind the other in one array.
/// </summary>
internal sealed class WordCache
{
    private const int Slots = 1 << 15;
    private const int MaxWords = Slots / 2;
    private const int MaxIntegers = 1 << 20;
    private const int MaxWordLength = 64;

    private readonly (uint Hash, int Offset)[] _slots = new (uint, int)[Slots];
    private int[] _data = new int[4096];
    private int _used = 1;
    private int _words;

    /// <summary>Appends the tokens of a known word.</summary>
    public bool TryGet(ReadOnlySpan<int> word, TokenBuffer tokens)
    {
        if (word.Length > MaxWordLength)
        {
            return false;
        }

        int offset = _slots[FindSlot(word, Hash(word))].Offset;
        if (offset == 0)
        {
            return false;
        }

        int at = offset + 2 + word.Length;
        for (int i = _data[offset + 1]; i > 0; i--, at += 2)
        {
            tokens.Add(_data[at], _data[at + 1]);
        }

        return true;
    }

    /// <summary>Remembers a word that TryGet didn't know.</summary>
    public void Add(ReadOnlySpan<int> word, ReadOnlySpan<int> ids, ReadOnlySpan<int> lengths)
    {
        int size = 2 + word.Length + (2 * ids.Length);
        if (word.Length > MaxWordLength)
        {
            return;
        }

        if (_words >= MaxWords || _used + size > MaxIntegers)
        {
            Array.Clear(_slots);
            _used = 1;
            _words = 0;
        }

        if (_used + size > _data.Length)
        {
            Array.Resize(ref _data, Math.Max(_data.Length * 2, (int)BitOperations.RoundUpToPowerOf2((uint)(_used + size))));
        }

        uint hash = Hash(word);
        _slots[FindSlot(word, hash)] = (hash, _used);
        _data[_used] = word.Length;
        _data[_used + 1] = ids.Length;
        word.CopyTo(_data.AsSpan(_used + 2));
        int at = _used + 2 + word.Length;
        for (int i = 0; i < ids.Length; i++)
        {
            _data[at++] = ids[i];
            _data[at++] = lengths[i];
        }

        _used += size;
        _words++;
    }

    private int FindSlot(ReadOnlySpan<int> word, uint hash)
    {
        int slot = (int)(hash & (Slots - 1));
        while (_slots[slot].Offset != 0 && !(_slots[slot].Hash == hash && Same(_slots[slot].Offset, word)))
        {
            slot = (slot + 1) & (Slots - 1);
        }

        return slot;
    }

    private bool Same(int offset, ReadOnlySpan<int> word) =>
        _data[offset] == word.Length && _data.AsSpan(offset + 2, word.Length).SequenceEqual(word);

    private static uint Hash(ReadOnlySpan<int> word)
    {
        ulong hash = (uint)word.Length;
        foreach (int c in word)
        {
            hash = (hash ^ (uint)c) * 0x9E3779B97F4A7C15UL;
            hash ^= hash >> 29;
        }

        return (uint)(hash >> 32);
    }
}
