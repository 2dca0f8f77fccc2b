namespace Lorikeet.Text.Tokenizers;

/// <summary>Tokens and ids of a model, both ways.</summary>
internal sealed class Vocabulary
{
    private readonly Dictionary<string, int> _ids;
    private readonly Dictionary<string, int>.AlternateLookup<ReadOnlySpan<char>> _lookup;
    private string?[] _tokens;

    public Vocabulary(int capacity)
    {
        _ids = new Dictionary<string, int>(capacity, StringComparer.Ordinal);
        _lookup = _ids.GetAlternateLookup<ReadOnlySpan<char>>();
        _tokens = new string?[Math.Max(capacity, 16)];
    }

    public int Count => _ids.Count;

    /// <summary>The largest id, -1 if empty.</summary>
    public int MaxId { get; private set; } = -1;

    public bool TryGetId(string token, out int id) => _ids.TryGetValue(token, out id);

    public bool TryGetId(ReadOnlySpan<char> token, out int id) => _lookup.TryGetValue(token, out id);

    public string? Token(int id) => (uint)id < (uint)_tokens.Length ? _tokens[id] : null;

    /// <summary>Adds a token; false if the token or the id is taken.</summary>
    public bool TryAdd(string token, int id)
    {
        if (Token(id) is not null || !_ids.TryAdd(token, id))
        {
            return false;
        }

        if (id >= _tokens.Length)
        {
            Array.Resize(ref _tokens, Math.Max(id + 1, _tokens.Length * 2));
        }

        _tokens[id] = token;
        MaxId = Math.Max(MaxId, id);
        return true;
    }
}
