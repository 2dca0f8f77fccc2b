namespace Lorikeet.Text.Tokenizers;

/// <summary>
/// NFC, NFD, NFKC and NFKD with alignment.
/// Source: Unicode Standard Annex 15; ranges of rewritten characters as the reference tokenizer reports them.
/// </summary>
internal sealed class UnicodeNormalizer(bool compatible, bool compose) : INormalizer
{
    /// <inheritdoc />
    public Piece Normalize(Piece piece)
    {
        // Below this nothing decomposes (NFD: U+00C0, NFKC: U+00A0) or composes (U+0300).
        int safe = compatible ? 0xA0 : compose ? 0x300 : 0xC0;
        if (!piece.Chars.ContainsAnyExceptInRange(0, safe - 1))
        {
            return piece;
        }

        NormalizationData data = NormalizationData.Instance;
        List<(int Char, int Change)> chars = Decompose(piece.Chars, data);
        if (compose)
        {
            chars = Compose(chars, data);
        }

        TextEditor editor = new(piece, chars.Count);
        foreach ((int c, int change) in chars)
        {
            editor.Put(c, change);
        }

        return editor.Finish();
    }

    private List<(int Char, int Change)> Decompose(ReadOnlySpan<int> source, NormalizationData data)
    {
        List<(int Char, int Change)> chars = new(source.Length + 16);
        List<int> parts = [];
        int unsorted = -1;
        foreach (int c in source)
        {
            parts.Clear();
            data.Decompose(c, compatible, parts);
            for (int i = 0; i < parts.Count; i++)
            {
                if (data.CombiningClass(parts[i]) == 0)
                {
                    Sort(chars, unsorted, data);
                    unsorted = -1;
                }
                else if (unsorted < 0)
                {
                    unsorted = chars.Count;
                }

                chars.Add((parts[i], i == 0 ? 0 : 1));
            }
        }

        Sort(chars, unsorted, data);
        return chars;
    }

    // Canonical ordering of one run of marks: stable by class.
    private static void Sort(List<(int Char, int Change)> chars, int from, NormalizationData data)
    {
        if (from < 0 || chars.Count - from < 2)
        {
            return;
        }

        (int Char, int Change)[] sorted = chars.Skip(from).OrderBy(item => data.CombiningClass(item.Char)).ToArray();
        for (int i = 0; i < sorted.Length; i++)
        {
            chars[from + i] = sorted[i];
        }
    }

    private static List<(int Char, int Change)> Compose(List<(int Char, int Change)> chars, NormalizationData data)
    {
        List<(int Char, int Change)> output = new(chars.Count);
        int starter = -1;
        int lastClass = -1;
        foreach ((int c, int change) in chars)
        {
            int combiningClass = data.CombiningClass(c);
            if (starter < 0)
            {
                starter = combiningClass == 0 ? output.Count : -1;
                lastClass = -1;
                output.Add((c, change));
                continue;
            }

            bool blocked = lastClass >= 0 && lastClass >= combiningClass;
            int composed = blocked ? -1 : data.Compose(output[starter].Char, c);
            if (composed >= 0)
            {
                output[starter] = (composed, output[starter].Change + change - 1);
            }
            else
            {
                starter = combiningClass == 0 ? output.Count : starter;
                lastClass = combiningClass == 0 ? -1 : combiningClass;
                output.Add((c, change));
            }
        }

        return output;
    }
}
