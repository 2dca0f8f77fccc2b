using System.Text.Json;
using Lorikeet.Data.Sources;
using Lorikeet.Text.Chat;

namespace Lorikeet.Data.Formats;

/// <summary>
/// Typed access to a JSON object of a row. Absent and null are the same; every error names the row's place and the full key.
/// </summary>
internal sealed class RowObject(JsonElement json, string origin, string prefix = "")
{
    /// <summary>Place of the row, <c>file:line</c>.</summary>
    public string Origin => origin;

    public bool Has(string key) => Find(key) is not null;

    /// <summary>The keys whose value is not null.</summary>
    public IEnumerable<string> Keys => json.EnumerateObject().Where(p => p.Value.ValueKind != JsonValueKind.Null).Select(p => p.Name);

    public JsonElement? Find(string key) =>
        json.TryGetProperty(key, out JsonElement value) && value.ValueKind != JsonValueKind.Null ? value : null;

    /// <summary>A required string.</summary>
    public string Text(string key) => TryText(key) ?? throw Missing(key, "a string");

    /// <summary>A string, or null when absent.</summary>
    public string? TryText(string key) => Find(key) is { } value ? TextOf(value, prefix + key, origin) : null;

    /// <summary>A required list of at least one object.</summary>
    public IEnumerable<RowObject> Objects(string key)
    {
        JsonElement list = Find(key) ?? throw Missing(key, "a list of objects");
        if (list.ValueKind != JsonValueKind.Array || list.GetArrayLength() == 0)
        {
            throw Error(key, $"is {Found(list)}; expected a list of at least one object");
        }

        int i = 0;
        foreach (JsonElement item in list.EnumerateArray())
        {
            string name = FormattableString.Invariant($"{prefix}{key}[{i++}]");
            yield return item.ValueKind == JsonValueKind.Object
                ? new RowObject(item, origin, name + ".")
                : throw new InvalidDataException($"{origin}: key '{name}' is {Found(item)}; expected an object.");
        }
    }

    /// <summary>A value as chat templates take it.</summary>
    public object? Value(string key)
    {
        try
        {
            return Find(key) is { } value ? ChatMessageJson.ToValue(value) : null;
        }
        catch (InvalidOperationException error)
        {
            throw new InvalidDataException($"{origin}: key '{prefix}{key}' holds {RowJson.HalfSurrogate}.", error);
        }
    }

    /// <summary>The full name of a key, from the row's root.</summary>
    public string Name(string key) => prefix + key;

    public InvalidDataException Missing(string key, string expected) =>
        Error(key, $"is missing; expected {expected}. Keys found: {string.Join(", ", Keys.DefaultIfEmpty("none"))}");

    public InvalidDataException Error(string key, string what) =>
        new InvalidDataException($"{origin}: key '{prefix}{key}' {what}.").As(key is "role" or "from" ? RowFault.Roles : RowFault.Format);

    /// <summary>The text of a string value.</summary>
    public static string TextOf(JsonElement value, string name, string origin)
    {
        if (value.ValueKind != JsonValueKind.String)
        {
            throw new InvalidDataException($"{origin}: key '{name}' is {Found(value)}; expected a string.");
        }

        try
        {
            return value.GetString()!;
        }
        catch (InvalidOperationException error)
        {
            throw new InvalidDataException($"{origin}: key '{name}' holds {RowJson.HalfSurrogate}.", error);
        }
    }

    /// <summary>A value in words, for messages.</summary>
    public static string Found(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Object => "an object",
        JsonValueKind.Array => FormattableString.Invariant($"a list of {value.GetArrayLength()}"),
        JsonValueKind.String => "a string",
        JsonValueKind.Null => "null",
        _ => value.GetRawText(),
    };
}
