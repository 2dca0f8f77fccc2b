namespace Lorikeet.Data.Formats;

/// <summary>The formats that rows may have, and their recognition by keys.</summary>
internal static class SampleFormats
{
    /// <summary>In the order in which they are tried: what has more particular keys comes first.</summary>
    public static readonly IReadOnlyList<ISampleFormat> All =
    [
        new MessagesFormat(),
        new ShareGptFormat(),
        new CauldronFormat(),
        new PreferenceFormat(),
        new PromptCompletionFormat(),
        new AlpacaFormat(),
        new QuestionAnswerFormat(),
        new CaptionFormat(),
        new TaskFormat(),
        new ImageTextFormat(),
    ];

    private static readonly Dictionary<string, string> Synonyms = new(StringComparer.Ordinal)
    {
        ["llava"] = "sharegpt",
        ["conversations"] = "sharegpt",
        ["cauldron"] = "the_cauldron",
        ["chat"] = "messages",
        ["openai"] = "messages",
        ["image-text"] = "image_text",
        ["vqa"] = "qa",
        ["dpo"] = "preference",
        ["rlaif_v"] = "preference",
        ["rlaif-v"] = "preference",
    };

    /// <summary>The format of a name, or null for a name that is none.</summary>
    public static ISampleFormat? Find(string name)
    {
        string known = Synonyms.GetValueOrDefault(name, name);
        return All.FirstOrDefault(f => f.Name == known);
    }

    /// <summary>Recognises a row's format.</summary>
    /// <exception cref="InvalidDataException">No format has these keys; the message lists them and the nearest format.</exception>
    public static ISampleFormat Detect(RowObject row)
    {
        var keys = row.Keys.ToHashSet(StringComparer.Ordinal);
        if (All.FirstOrDefault(f => f.Matches(keys)) is { } format)
        {
            return format.WhyNotByItself is { } why ? throw new InvalidDataException($"{row.Origin}: {why}.") : format;
        }

        ISampleFormat nearest = All.MaxBy(f => Likeness(f, keys))!;
        string names = string.Join(", ", keys.DefaultIfEmpty("none"));
        string hint = Likeness(nearest, keys) > 0 ? $"The nearest is {nearest.Name}: {nearest.Example}." : $"The simplest is caption: {Find("caption")!.Example}.";
        throw new InvalidDataException(
            $"{row.Origin}: the row's format is not known; its keys are {names}. {hint} Rename the keys, or convert the rows to one of {string.Join(", ", All.Select(f => f.Name))}.");
    }

    /// <summary>How many keys a row shares with a format; a near miss counts half, and the more a format knows the less each counts.</summary>
    private static double Likeness(ISampleFormat format, HashSet<string> keys)
    {
        double points = keys.Sum(key => format.Keys.Contains(key, StringComparer.Ordinal) ? 2 : format.Keys.Any(known => IsNear(key, known)) ? 1.5 : 0);
        return points / (6 + format.Keys.Count);
    }

    /// <summary>Whether two keys differ by case, a plural, or up to two letters.</summary>
    private static bool IsNear(string a, string b)
    {
        a = a.ToLowerInvariant();
        b = b.ToLowerInvariant();
        if (Math.Abs(a.Length - b.Length) > 2 || Math.Min(a.Length, b.Length) < 4)
        {
            return a == b;
        }

        int[] row = [.. Enumerable.Range(0, b.Length + 1)];
        for (int i = 1; i <= a.Length; i++)
        {
            int diagonal = row[0];
            row[0] = i;
            for (int j = 1; j <= b.Length; j++)
            {
                int substitute = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
                diagonal = row[j];
                row[j] = Math.Min(substitute, Math.Min(row[j], row[j - 1]) + 1);
            }
        }

        return row[b.Length] <= 2;
    }
}
