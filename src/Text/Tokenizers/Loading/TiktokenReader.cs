using System.Globalization;

namespace Lorikeet.Text.Tokenizers;

/// <summary>
/// Reads a tiktoken file: lines of a token's bytes in base64 and its rank, which is its id.
/// The vocabulary is kept in the byte alphabet, so that the rest is a byte-level tokenizer like any other.
/// Source: OpenAI's tiktoken (a word that is a token is that token; else the neighbours whose joined bytes have the
/// lowest rank are merged, the leftmost of equals first).
/// </summary>
internal static class TiktokenReader
{
    private const long MaxBytes = 64L << 20;
    private const int MaxRank = 1 << 24;

    public static TokenizerParts Read(string path, TiktokenOptions options)
    {
        Vocabulary vocabulary = ReadVocabulary(path);
        BpeModel model = new(vocabulary, Merges(vocabulary), new BpeOptions { IgnoreMerges = true }) { MergesAcrossSpaceMark = true };
        INormalizer? normalizer = options.NormalizeNfc ? new UnicodeNormalizer(compatible: false, compose: true) : null;
        AddedVocabulary added = new(vocabulary, normalizer);
        added.BeginGroup();
        foreach (string token in options.SpecialTokens)
        {
            added.Add(new AddedToken(token) { Special = true, Normalized = true });
        }

        added.Seal();
        return new TokenizerParts
        {
            File = path,
            Model = model,
            Added = added,
            PreTokenizer = new SequencePreTokenizer([
                new SplitPreTokenizer(CodePointPattern.Parse(options.Pattern), SplitBehavior.Isolated, invert: false),
                new ByteLevelPreTokenizer(addPrefixSpace: false, useRegex: false)]),
            PostProcessor = null,
            Decoder = next => new ByteLevelStage { Next = next },
            Names = new SpecialTokenNames(),
            Warnings = [],
        };
    }

    private static Vocabulary ReadVocabulary(string path)
    {
        FileInfo file = new(path);
        if (!file.Exists)
        {
            throw new FileNotFoundException($"{path}: no such file.", path);
        }

        if (file.Length > MaxBytes)
        {
            throw new InvalidDataException($"{path}: {file.Length} bytes; a tiktoken file has at most {MaxBytes}.");
        }

        Vocabulary vocabulary = new((int)(file.Length / 12));
        int number = 0;
        foreach (string line in File.ReadLines(path))
        {
            number++;
            if (line.Length == 0)
            {
                continue;
            }

            (byte[] bytes, int rank) = Entry(path, number, line);
            string token = string.Create(bytes.Length, bytes, static (chars, source) =>
            {
                for (int i = 0; i < chars.Length; i++)
                {
                    chars[i] = (char)ByteAlphabet.Char(source[i]);
                }
            });
            if (!vocabulary.TryAdd(token, rank))
            {
                throw Error(path, number, $"the token or the rank {rank} has been given before.");
            }
        }

        for (int value = 0; value < 256; value++)
        {
            if (!vocabulary.TryGetId(((char)ByteAlphabet.Char(value)).ToString(), out _))
            {
                throw new InvalidDataException($"{path}: no token for the single byte {value}; every byte needs one.");
            }
        }

        return vocabulary;
    }

    private static (byte[] Bytes, int Rank) Entry(string path, int number, string line)
    {
        int space = line.IndexOf(' ', StringComparison.Ordinal);
        byte[] bytes = new byte[line.Length];
        bool sound = space > 0
            && Convert.TryFromBase64Chars(line.AsSpan(0, space), bytes, out int length)
            && length > 0;
        if (!sound || !int.TryParse(line.AsSpan(space + 1), NumberStyles.None, CultureInfo.InvariantCulture, out int rank) || rank > MaxRank)
        {
            string shown = line.Length <= 60 ? line : line[..60] + "...";
            throw Error(path, number, $"expected a token in base64, a space and a rank up to {MaxRank}, found '{shown}'.");
        }

        return (Convert.FromBase64String(line[..space]), rank);
    }

    private static InvalidDataException Error(string path, int line, string message) =>
        new(string.Create(CultureInfo.InvariantCulture, $"{path}: line {line}: {message}"));

    // Every way to join two tokens to a third, with the third's rank.
    private static MergeTable Merges(Vocabulary vocabulary)
    {
        List<(int Left, int Right, int Merged)> pairs = new(vocabulary.Count * 3);
        for (int id = 0; id <= vocabulary.MaxId; id++)
        {
            if (vocabulary.Token(id) is not { } token)
            {
                continue;
            }

            for (int cut = 1; cut < token.Length; cut++)
            {
                if (vocabulary.TryGetId(token.AsSpan(0, cut), out int left) && vocabulary.TryGetId(token.AsSpan(cut), out int right))
                {
                    pairs.Add((left, right, id));
                }
            }
        }

        MergeTable merges = new(pairs.Count);
        foreach ((int left, int right, int merged) in pairs)
        {
            merges.Set(left, right, merged, merged);
        }

        return merges;
    }
}
