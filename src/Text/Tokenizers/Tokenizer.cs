using System.Collections.Concurrent;

namespace Lorikeet.Text.Tokenizers;

/// <summary>
/// A tokenizer of Hugging Face's <c>tokenizer.json</c>: text to ids and back. Thread-safe.
/// The file's <c>truncation</c> and <c>padding</c> sections are ignored: nothing is cut silently here, and the batcher pads.
/// Source: the reference library (tokenizers 0.23), against whose output every pipeline is tested.
/// </summary>
public sealed class Tokenizer
{
    private readonly TokenizerParts _parts;
    private readonly ConcurrentBag<IWordTokenizer> _idle = [];

    private Tokenizer(TokenizerParts parts)
    {
        _parts = parts;
    }

    /// <summary>Tokens of the vocabulary, added ones included. An id can be larger if the vocabulary has gaps.</summary>
    public int VocabularySize => _parts.Model.Vocabulary.Count + _parts.Added.Extra;

    /// <summary>What the files say that was not followed, each with the reason; empty for a sound file.</summary>
    public IReadOnlyList<string> Warnings => _parts.Warnings;

    /// <summary>The token that begins a text, if tokenizer_config.json names one.</summary>
    public string? BosToken => _parts.Names.Bos;

    /// <summary>Id of <see cref="BosToken"/>.</summary>
    public int? BosTokenId => IdOf(BosToken);

    /// <summary>The token that ends a text, if tokenizer_config.json names one.</summary>
    public string? EosToken => _parts.Names.Eos;

    /// <summary>Id of <see cref="EosToken"/>.</summary>
    public int? EosTokenId => IdOf(EosToken);

    /// <summary>The token that fills a batch, if tokenizer_config.json names one.</summary>
    public string? PadToken => _parts.Names.Pad;

    /// <summary>Id of <see cref="PadToken"/>.</summary>
    public int? PadTokenId => IdOf(PadToken);

    /// <summary>The token for what the vocabulary can't express, by tokenizer_config.json or else by the model.</summary>
    public string? UnkToken => _parts.Names.Unk;

    /// <summary>Id of <see cref="UnkToken"/>.</summary>
    public int? UnkTokenId => IdOf(UnkToken);

    /// <summary>Reads a tokenizer.json alone.</summary>
    /// <param name="tokenizerJsonPath">The file.</param>
    /// <exception cref="InvalidDataException">The file is no usable tokenizer; the message names file, key and reason.</exception>
    /// <exception cref="FileNotFoundException">There is no such file.</exception>
    public static Tokenizer Load(string tokenizerJsonPath) => Load(tokenizerJsonPath, null);

    /// <summary>Reads a tokenizer.json and what the tokenizer_config.json beside it adds to it.</summary>
    /// <param name="path">The tokenizer.json.</param>
    /// <param name="tokenizerConfigPath">The tokenizer_config.json, or null.</param>
    /// <exception cref="InvalidDataException">A file is not usable; the message names file, key and reason.</exception>
    /// <exception cref="FileNotFoundException">There is no such file.</exception>
    public static Tokenizer Load(string path, string? tokenizerConfigPath) => new(TokenizerReader.Read(path, tokenizerConfigPath));

    /// <summary>Reads a tiktoken file: lines of base64 and rank.</summary>
    /// <param name="path">The file.</param>
    /// <param name="options">What the file doesn't say.</param>
    /// <exception cref="InvalidDataException">The file is not usable; the message names file, line and reason.</exception>
    /// <exception cref="FileNotFoundException">There is no such file.</exception>
    /// <exception cref="FormatException">The pattern of the options is not usable.</exception>
    public static Tokenizer LoadTiktoken(string path, TiktokenOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        return new Tokenizer(TiktokenReader.Read(path, options));
    }

    /// <summary>Tokenizes a text.</summary>
    /// <param name="text">The text. A lone surrogate counts as U+FFFD.</param>
    /// <param name="addSpecialTokens">Add what the post-processor frames a text with. Special tokens that stand in the text are found either way.</param>
    /// <exception cref="InvalidDataException">The model has no token for a character, or a pattern of the file backtracks without end.</exception>
    public Encoding Encode(string text, bool addSpecialTokens = true) => Finish([Tokenize(text, 0)], addSpecialTokens);

    /// <summary>Tokenizes two texts that belong together.</summary>
    /// <param name="first">The first text.</param>
    /// <param name="second">The second text; its offsets are its own.</param>
    /// <param name="addSpecialTokens">Add what the post-processor frames the texts with.</param>
    /// <exception cref="InvalidDataException">As for <see cref="Encode"/>.</exception>
    public Encoding EncodePair(string first, string second, bool addSpecialTokens = true) =>
        Finish([Tokenize(first, 0), Tokenize(second, 1)], addSpecialTokens);

    /// <summary>The text of ids. Ids that the vocabulary lacks (padding rows of a model's head) add nothing.</summary>
    /// <param name="ids">Token ids.</param>
    /// <param name="skipSpecialTokens">Leave special tokens out.</param>
    public string Decode(ReadOnlySpan<int> ids, bool skipSpecialTokens = false)
    {
        DecodeOutput output = new();
        DecodeStage chain = CreateDecodeChain(output);
        foreach (int id in ids)
        {
            if (TokenForDecoding(id, skipSpecialTokens) is { } token)
            {
                chain.Push(token, first: true, last: true);
            }
        }

        chain.Finish();
        return output.Take();
    }

    /// <summary>A decoder for ids that arrive one by one.</summary>
    /// <param name="skipSpecialTokens">Leave special tokens out.</param>
    public StreamingDecoder CreateStream(bool skipSpecialTokens = true) => new(this, skipSpecialTokens);

    /// <summary>The id of a token, or null.</summary>
    /// <param name="token">The token as the vocabulary spells it.</param>
    public int? TokenToId(string token)
    {
        ArgumentNullException.ThrowIfNull(token);
        return _parts.Added.TryGetId(token, out int id) || _parts.Model.Vocabulary.TryGetId(token, out id) ? id : null;
    }

    /// <summary>The token of an id, or null.</summary>
    /// <param name="id">A token id.</param>
    public string? IdToToken(int id) => _parts.Added.TokenForDecoding(id) ?? _parts.Model.Vocabulary.Token(id);

    /// <summary>The special tokens: text that equals one of them becomes that token wherever it stands.</summary>
    public IReadOnlyList<string> SpecialTokens => _parts.Added.SpecialTokens;

    /// <summary>Whether an id is a special token, one that decoding can leave out.</summary>
    /// <param name="id">A token id.</param>
    public bool IsSpecial(int id) => _parts.Added.Tokens.TryGetValue(id, out AddedToken? token) && token.Special;

    internal DecodeStage CreateDecodeChain(DecodeStage output) => _parts.Decoder(output);

    internal string? TokenForDecoding(int id, bool skipSpecialTokens)
    {
        string? token = IdToToken(id);
        return token is not null && skipSpecialTokens && _parts.Added.IsSpecial(token) ? null : token;
    }

    private int? IdOf(string? token) => token is null ? null : TokenToId(token);

    private Encoding Finish(IReadOnlyList<Segment> segments, bool addSpecialTokens) =>
        Segment.Join(_parts.PostProcessor is null ? segments : _parts.PostProcessor.Process(segments, addSpecialTokens));

    private Segment Tokenize(string text, int typeId)
    {
        ArgumentNullException.ThrowIfNull(text);
        try
        {
            return Run(text, typeId);
        }
        catch (InvalidDataException error)
        {
            throw new InvalidDataException($"{_parts.File}: {error.Message}", error);
        }
    }

    private Segment Run(string text, int typeId)
    {
        int[] chars = CodePoint.FromString(text, out int length);
        Segment segment = new(text, length) { TypeId = typeId };
        List<Piece> pieces = _parts.Added.Extract(new AlignedText(chars, length));
        if (_parts.PreTokenizer is not null)
        {
            List<Piece> words = new(pieces.Count + (length / 4));
            _parts.PreTokenizer.Run(pieces, words);
            pieces = words;
        }

        IWordTokenizer tokenizer = _idle.TryTake(out IWordTokenizer? idle) ? idle : _parts.Model.CreateTokenizer();
        TokenBuffer tokens = new();
        foreach (Piece piece in pieces)
        {
            if (piece.TokenId >= 0)
            {
                AddToken(segment, piece);
            }
            else
            {
                tokenizer.Tokenize(piece.Chars, tokens);
                AddTokens(segment, piece, tokens);
            }
        }

        _idle.Add(tokenizer);
        return segment;
    }

    private static void AddToken(Segment segment, Piece piece)
    {
        segment.Ids.Add(piece.TokenId);
        segment.Tokens.Add(CodePoint.ToString(piece.Chars));
        segment.Offsets.Add((piece.Text.From(piece.Start), piece.Text.To(piece.Start + piece.Length - 1)));
    }

    // The model counts in bytes of the word's UTF-8, as byte tokens are shorter than a character.
    private void AddTokens(Segment segment, Piece piece, TokenBuffer tokens)
    {
        int last = piece.Start + piece.Length - 1;
        int at = piece.Start;
        int atEnd = CodePoint.Utf8Length(piece.Text.Chars[at]);
        int position = 0;
        ReadOnlySpan<int> lengths = tokens.Lengths;
        ReadOnlySpan<int> ids = tokens.Ids;
        for (int i = 0; i < ids.Length; i++)
        {
            while (atEnd <= position && at < last)
            {
                atEnd += CodePoint.Utf8Length(piece.Text.Chars[++at]);
            }

            int start = piece.Text.From(at);
            position += lengths[i];
            while (atEnd < position && at < last)
            {
                atEnd += CodePoint.Utf8Length(piece.Text.Chars[++at]);
            }

            segment.Ids.Add(ids[i]);
            segment.Tokens.Add(_parts.Model.Vocabulary.Token(ids[i])!);
            segment.Offsets.Add((start, piece.Text.To(at)));
        }
    }
}
