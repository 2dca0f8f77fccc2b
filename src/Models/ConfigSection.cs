using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Lorikeet.Nn.Weights;

namespace Lorikeet.Models;

/// <summary>
/// Typed access to one object of a JSON configuration file. A key that is absent and a key that is null are the same. Every error is an
/// <see cref="InvalidDataException"/> with the file, the full key, what was expected and what was found.
/// </summary>
public sealed class ConfigSection
{
    private readonly JsonElement _json;
    private readonly string _prefix;

    private ConfigSection(string file, string prefix, JsonElement json)
    {
        File = file;
        _prefix = prefix;
        _json = json;
    }

    /// <summary>Path of the file, for messages.</summary>
    public string File { get; }

    /// <summary>The raw object.</summary>
    public JsonElement Json => _json;

    /// <summary>Reads a file whose root is an object.</summary>
    public static ConfigSection Load(string path) => From(path, JsonFile.Read(path));

    /// <summary>Wraps an object that is parsed already; <paramref name="file"/> names its origin in messages.</summary>
    public static ConfigSection From(string file, JsonElement json) => json.ValueKind == JsonValueKind.Object
        ? new ConfigSection(file, "", json)
        : throw new InvalidDataException($"{file}: the root is {Found(json)}; expected a JSON object.");

    /// <summary>Whether the key is present and not null.</summary>
    public bool Has(string key) => Find(key) is not null;

    /// <summary>The value of a key, or null when absent.</summary>
    public JsonElement? Find(string key) =>
        _json.TryGetProperty(key, out JsonElement value) && value.ValueKind != JsonValueKind.Null ? value : null;

    /// <summary>A nested object.</summary>
    public ConfigSection Section(string key) => TrySection(key) ?? throw Missing(key, "an object");

    /// <summary>A nested object, or null when absent.</summary>
    public ConfigSection? TrySection(string key) => Find(key) switch
    {
        null => null,
        { ValueKind: JsonValueKind.Object } value => new ConfigSection(File, _prefix + key + ".", value),
        { } value => throw Wrong(key, "an object", value),
    };

    /// <summary>A nested object, or null where the key is absent or has a value of another kind.</summary>
    public ConfigSection? SectionIfObject(string key) => Find(key) is { ValueKind: JsonValueKind.Object } ? TrySection(key) : null;

    /// <summary>A nested object; an empty one where the key is absent.</summary>
    public ConfigSection SectionOrEmpty(string key) => TrySection(key) ?? new ConfigSection(File, _prefix + key + ".", JsonSerializer.SerializeToElement(new JsonObject()));

    /// <summary>The same object with more keys: those that it doesn't have. A key that is null stays null.</summary>
    /// <param name="defaults">Keys and values.</param>
    public ConfigSection WithDefaults(JsonObject defaults)
    {
        ArgumentNullException.ThrowIfNull(defaults);
        JsonObject all = JsonObject.Create(_json)!;
        foreach ((string key, JsonNode? value) in defaults.Where(p => !all.ContainsKey(p.Key)).ToArray())
        {
            all[key] = value?.DeepClone();
        }

        return new ConfigSection(File, _prefix, JsonSerializer.SerializeToElement(all));
    }

    /// <summary>A required string.</summary>
    public string String(string key) => TryString(key) ?? throw Missing(key, "a string");

    /// <summary>A string, or null when absent.</summary>
    public string? TryString(string key) => Find(key) switch
    {
        null => null,
        { ValueKind: JsonValueKind.String } value => value.GetString(),
        { } value => throw Wrong(key, "a string", value),
    };

    /// <summary>A required whole number.</summary>
    public int Int(string key) => TryInt(key) ?? throw Missing(key, "a whole number");

    /// <summary>A whole number, or <paramref name="otherwise"/> when absent.</summary>
    public int Int(string key, int otherwise) => TryInt(key) ?? otherwise;

    /// <summary>A whole number, or null when absent.</summary>
    public int? TryInt(string key) => Find(key) is { } value ? ToInt(key, value) : null;

    /// <summary>A required real number.</summary>
    public double Double(string key) => TryDouble(key) ?? throw Missing(key, "a number");

    /// <summary>A real number, or <paramref name="otherwise"/> when absent.</summary>
    public double Double(string key, double otherwise) => TryDouble(key) ?? otherwise;

    /// <summary>A real number, or null when absent.</summary>
    public double? TryDouble(string key) => Find(key) is { } value ? ToDouble(key, value) : null;

    /// <summary>A required boolean.</summary>
    public bool Bool(string key) => TryBool(key) ?? throw Missing(key, "true or false");

    /// <summary>A boolean, or <paramref name="otherwise"/> when absent.</summary>
    public bool Bool(string key, bool otherwise) => TryBool(key) ?? otherwise;

    /// <summary>A boolean, or null when absent.</summary>
    public bool? TryBool(string key) => Find(key) switch
    {
        null => null,
        { ValueKind: JsonValueKind.True } => true,
        { ValueKind: JsonValueKind.False } => false,
        { } value => throw Wrong(key, "true or false", value),
    };

    /// <summary>A whole number or a list of them, as a list; null when absent.</summary>
    public IReadOnlyList<int>? TryInts(string key) => Find(key) switch
    {
        null => null,
        { ValueKind: JsonValueKind.Array } value => [.. value.EnumerateArray().Select(item => ToInt(key, item))],
        { } value => [ToInt(key, value)],
    };

    /// <summary>A real number or a list of them, as a list; null when absent.</summary>
    public IReadOnlyList<double>? TryDoubles(string key) => Find(key) switch
    {
        null => null,
        { ValueKind: JsonValueKind.Array } value => [.. value.EnumerateArray().Select(item => ToDouble(key, item))],
        { } value => [ToDouble(key, value)],
    };

    /// <summary>A list of strings; null when absent.</summary>
    public IReadOnlyList<string>? TryStrings(string key) => Find(key) switch
    {
        null => null,
        { ValueKind: JsonValueKind.Array } value => [.. value.EnumerateArray().Select(item =>
            item.ValueKind == JsonValueKind.String ? item.GetString()! : throw Wrong(key, "a list of strings", item))],
        { } value => throw Wrong(key, "a list of strings", value),
    };

    /// <summary>The error for a key whose value is present but unusable.</summary>
    public InvalidDataException Wrong(string key, string expected) => Find(key) is { } value ? Wrong(key, expected, value) : Missing(key, expected);

    private int ToInt(string key, JsonElement value)
    {
        if (value.ValueKind == JsonValueKind.Number)
        {
            if (value.TryGetInt32(out int whole))
            {
                return whole;
            }

            // Some writers store whole numbers as 12.0.
            double real = value.GetDouble();
            if (real == Math.Truncate(real) && Math.Abs(real) <= int.MaxValue)
            {
                return (int)real;
            }
        }

        throw Wrong(key, "a whole number", value);
    }

    private double ToDouble(string key, JsonElement value) =>
        value.ValueKind == JsonValueKind.Number && double.IsFinite(value.GetDouble()) ? value.GetDouble() : throw Wrong(key, "a number", value);

    private InvalidDataException Missing(string key, string expected)
    {
        string there = string.Join(", ", _json.EnumerateObject().Take(12).Select(p => p.Name));
        return new($"{File}: key '{_prefix}{key}' is missing; expected {expected}. Keys found: {(there.Length == 0 ? "none" : there)}.");
    }

    private InvalidDataException Wrong(string key, string expected, JsonElement value) =>
        new($"{File}: key '{_prefix}{key}' is {Found(value)}; expected {expected}.");

    private static string Found(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Object => "an object",
        JsonValueKind.Array => string.Create(CultureInfo.InvariantCulture, $"a list of {value.GetArrayLength()}"),
        _ when value.GetRawText() is { Length: <= 60 } text => text,
        _ => value.GetRawText()[..60] + "...",
    };
}
