using System.Text.Json;

namespace Lorikeet.Data.Formats;

/// <summary>
/// Several right answers of a row, which evaluations compare with: <c>answers</c> or <c>references</c> as a list of strings, a list of
/// objects with <c>answer</c> (VQA), or an object with a list under <c>text</c> (SQuAD); <c>answer</c> and <c>label</c> may be lists
/// too. Training uses the first.
/// </summary>
internal static class RowReferences
{
    /// <summary>The keys, in the order in which they are looked for.</summary>
    public static readonly IReadOnlyList<string> Keys = ["answers", "references"];

    // Of data sets that put their one answer into a list (ChartQA's label).
    private static readonly string[] SingleKeys = ["answer", "label"];

    /// <summary>The answers; empty where the row has none in such a form.</summary>
    public static IReadOnlyList<string> Of(RowObject row)
    {
        foreach (string key in (string[])[.. Keys, .. SingleKeys])
        {
            if (row.Find(key) is { } value && TryRead(value, row, key) is { Count: > 0 } answers)
            {
                return answers;
            }
        }

        return [];
    }

    /// <summary>The answers of a key that has to have some.</summary>
    /// <exception cref="InvalidDataException">It has none in such a form.</exception>
    public static IReadOnlyList<string> Require(RowObject row, string key)
    {
        JsonElement value = row.Find(key) ?? throw row.Missing(key, "a list of strings");
        return TryRead(value, row, key) is { Count: > 0 } answers
            ? answers
            : throw row.Error(key, $"is {RowObject.Found(value)}; expected a list of at least one string, or of objects with 'answer'");
    }

    private static List<string>? TryRead(JsonElement value, RowObject row, string key)
    {
        if (value.ValueKind == JsonValueKind.Object && value.TryGetProperty("text", out JsonElement text))
        {
            value = text;
        }

        if (value.ValueKind != JsonValueKind.Array)
        {
            return null;
        }

        var answers = new List<string>();
        foreach (JsonElement item in value.EnumerateArray())
        {
            JsonElement answer = item.ValueKind == JsonValueKind.Object && item.TryGetProperty("answer", out JsonElement inner) ? inner : item;
            if (answer.ValueKind != JsonValueKind.String)
            {
                return null;
            }

            answers.Add(RowObject.TextOf(answer, key, row.Origin));
        }

        return answers;
    }
}
