using System.Text;

namespace Lorikeet.Evaluation;

/// <summary>
/// Words of a caption, in lower case and without punctuation: near what the Stanford PTB tokenizer gives for plain English sentences.
/// </summary>
/// <remarks>
/// Punctuation is dropped, but hyphens and full stops or commas inside a word stay (well-known, 3.5, 1,000); the endings 's, 're, 've,
/// 'll, 'd, 'm and n't are words of their own, and so are $, %, &amp;, # and other signs. Chinese and Japanese characters stand alone, which the
/// Stanford tokenizer doesn't do.
/// </remarks>
public static class CaptionTokenizer
{
    private static readonly string[] Endings = ["'s", "'re", "'ve", "'ll", "'d", "'m", "n't"];

    /// <summary>The words.</summary>
    public static IReadOnlyList<string> Tokenize(string text)
    {
        var words = new List<string>();
        foreach (string piece in Words.Split(text.ToLowerInvariant().Replace('\u2019', '\'').Replace('\u2018', '\'')))
        {
            AddPiece(piece, words);
        }

        return words;
    }

    private static void AddPiece(string piece, List<string> words)
    {
        var word = new StringBuilder();
        Rune[] runes = [.. piece.EnumerateRunes()];
        for (int i = 0; i < runes.Length; i++)
        {
            Rune rune = runes[i];
            bool isInside = word.Length > 0 && i + 1 < runes.Length && Rune.IsLetterOrDigit(runes[i + 1]);
            if (IsIdeograph(rune))
            {
                AddWord(word, words);
                words.Add(rune.ToString());
            }
            else if (Rune.IsLetterOrDigit(rune) || Rune.GetUnicodeCategory(rune) is System.Globalization.UnicodeCategory.NonSpacingMark or System.Globalization.UnicodeCategory.SpacingCombiningMark
                || (rune.Value is '-' or '\'' or '.' && isInside)
                || (rune.Value == ',' && isInside && Rune.IsDigit(runes[i - 1]) && Rune.IsDigit(runes[i + 1])))
            {
                word.Append(rune.ToString());
            }
            else
            {
                AddWord(word, words);
                if (!Rune.IsPunctuation(rune) || rune.Value is '%' or '&' or '#' or '@' or '*')
                {
                    words.Add(rune.ToString());
                }
            }
        }

        AddWord(word, words);
    }

    private static void AddWord(StringBuilder word, List<string> words)
    {
        string text = word.ToString();
        word.Clear();
        if (text.Length == 0)
        {
            return;
        }

        string? ending = Endings.FirstOrDefault(e => text.Length > e.Length && text.EndsWith(e, StringComparison.Ordinal));
        words.Add(ending is null ? text : text[..^ending.Length]);
        if (ending is not null)
        {
            words.Add(ending);
        }
    }

    // Han, kana; scripts that are written without blanks.
    private static bool IsIdeograph(Rune rune) => rune.Value is (>= 0x3040 and <= 0x30FF) or (>= 0x3400 and <= 0x4DBF) or (>= 0x4E00 and <= 0x9FFF)
        or (>= 0xF900 and <= 0xFAFF) or (>= 0x20000 and <= 0x3134F);
}
