using System.Security.Cryptography;
using System.Text;

namespace Lorikeet.Data.Augment;

/// <summary>
/// A list of words with the same meaning, UTF-8, one group a line: <c>big, large, huge</c> may each stand for the others;
/// <c>sofa: couch, settee</c> replaces only the word before the colon. Commas may be those of Chinese, or tabs. Lines that begin with
/// <c>#</c> are comments. A word of several lines has the synonyms of all of them.
/// </summary>
internal sealed class SynonymList
{
    private const long LargestFile = 16 << 20;
    private static readonly char[] Separators = [',', '，', '、', '\t'];

    private SynonymList(PhraseSet<Entry> phrases, string hash) => (Phrases, Hash) = (phrases, hash);

    /// <summary>The words, with what may replace them.</summary>
    public PhraseSet<Entry> Phrases { get; }

    /// <summary>Identity of the content.</summary>
    public string Hash { get; }

    /// <summary>Reads a list.</summary>
    /// <exception cref="InvalidDataException">The file is missing, too large, no UTF-8, empty, or a line holds fewer than two words.</exception>
    public static SynonymList Read(string path)
    {
        byte[] bytes = ReadBytes(path);
        string text;
        try
        {
            text = new UTF8Encoding(false, throwOnInvalidBytes: true).GetString(bytes).TrimStart('\uFEFF');
        }
        catch (DecoderFallbackException error)
        {
            throw new InvalidDataException($"{path}: the word list is not UTF-8: {error.Message}", error);
        }

        var phrases = new PhraseSet<Entry>();
        string[] lines = text.Split('\n');
        for (int i = 0; i < lines.Length; i++)
        {
            string line = lines[i].Trim();
            if (line.Length > 0 && line[0] != '#')
            {
                AddLine(phrases, line, FormattableString.Invariant($"{path}:{i + 1}"));
            }
        }

        return phrases.Count > 0
            ? new SynonymList(phrases, Convert.ToHexStringLower(SHA256.HashData(bytes).AsSpan(0, 16)))
            : throw new InvalidDataException($"{path}: the word list holds no words; expected lines such as 'big, large, huge' or 'sofa: couch'.");
    }

    private static byte[] ReadBytes(string path)
    {
        try
        {
            long length = new FileInfo(path).Length;
            return length <= LargestFile
                ? File.ReadAllBytes(path)
                : throw new InvalidDataException($"{path}: the word list has {length} bytes; expected at most {LargestFile}.");
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new InvalidDataException($"{path}: the word list cannot be read: {error.Message}", error);
        }
    }

    private static void AddLine(PhraseSet<Entry> phrases, string line, string origin)
    {
        int colon = line.IndexOfAny([':', '：']);
        string[] words = Words(colon < 0 ? line : line[(colon + 1)..]);
        string[] replaced = colon < 0 ? words : [line[..colon].Trim()];
        bool hasOther = replaced.All(r => words.Any(w => !w.Equals(r, StringComparison.OrdinalIgnoreCase)));
        if (words.Any(w => w.Length == 0) || replaced.Any(r => r.Length == 0) || !hasOther)
        {
            throw new InvalidDataException($"{origin}: '{line}' names no synonyms; expected a line such as 'big, large, huge' (each may stand for the others) or 'sofa: couch, settee'.");
        }

        foreach (string word in replaced)
        {
            Entry entry = phrases.GetOrAdd(word, () => new Entry(word, []));
            entry.Alternatives.AddRange(words.Where(w => !w.Equals(word, StringComparison.OrdinalIgnoreCase) && !entry.Alternatives.Contains(w)));
        }
    }

    private static string[] Words(string text) => [.. text.Split(Separators).Select(w => w.Trim())];

    /// <summary>A word of the list.</summary>
    /// <param name="Listed">As the list spells it.</param>
    /// <param name="Alternatives">What may stand for it; at least one.</param>
    public sealed record Entry(string Listed, List<string> Alternatives);
}
