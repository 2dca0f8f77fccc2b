using System.Globalization;
using System.Text.Json;

namespace Lorikeet.Text.Tokenizers;

/// <summary>
/// A value of a JSON file that knows its file and path, so that every complaint can name them.
/// </summary>
internal readonly record struct JsonPart(string File, string Path, JsonElement Element)
{
    public bool IsNull => Element.ValueKind is JsonValueKind.Null or JsonValueKind.Undefined;

    public InvalidDataException Error(string message) => new($"{File}: key '{(Path.Length == 0 ? "(root)" : Path)}': {message}");

    public InvalidDataException Expected(string what) => Error($"expected {what}, found {Describe()}.");

    /// <summary>A member; a null part if it is missing.</summary>
    public JsonPart this[string key]
    {
        get
        {
            if (Element.ValueKind != JsonValueKind.Object)
            {
                throw Expected("an object");
            }

            try
            {
                return new JsonPart(File, Path.Length == 0 ? key : $"{Path}.{key}", Element.TryGetProperty(key, out JsonElement value) ? value : default);
            }
            catch (InvalidOperationException)
            {
                throw Error("a key holds an escape that is no character (a lone surrogate).");
            }
        }
    }

    public JsonPart Required(string key)
    {
        JsonPart part = this[key];
        return part.Element.ValueKind == JsonValueKind.Undefined ? throw part.Error("is missing.") : part;
    }

    public JsonPart At(int index, JsonElement element) => new(File, string.Create(CultureInfo.InvariantCulture, $"{Path}[{index}]"), element);

    /// <summary>The items of an array.</summary>
    public IEnumerable<JsonPart> Items()
    {
        if (Element.ValueKind != JsonValueKind.Array)
        {
            throw Expected("an array");
        }

        int index = 0;
        foreach (JsonElement item in Element.EnumerateArray())
        {
            yield return At(index++, item);
        }
    }

    public string String()
    {
        if (Element.ValueKind != JsonValueKind.String)
        {
            throw Expected("a string");
        }

        try
        {
            return Element.GetString()!;
        }
        catch (InvalidOperationException)
        {
            throw Error("the string holds an escape that is no character (a lone surrogate).");
        }
    }

    public string? StringOrNull() => IsNull ? null : String();

    /// <summary>A string that must not be empty.</summary>
    public string Text()
    {
        string text = String();
        return text.Length > 0 ? text : throw Error("must not be empty.");
    }

    public bool Bool(bool missing) => Element.ValueKind switch
    {
        JsonValueKind.True => true,
        JsonValueKind.False => false,
        JsonValueKind.Null or JsonValueKind.Undefined => missing,
        _ => throw Expected("true or false"),
    };

    /// <summary>An integer from 0 to <paramref name="most"/>.</summary>
    public int Int(int most)
    {
        if (Element.ValueKind != JsonValueKind.Number || !Element.TryGetInt32(out int value))
        {
            throw Expected("an integer");
        }

        return value >= 0 && value <= most
            ? value
            : throw Error(string.Create(CultureInfo.InvariantCulture, $"{value} is out of range (0 to {most})."));
    }

    private string Describe()
    {
        switch (Element.ValueKind)
        {
            case JsonValueKind.Undefined:
                return "nothing";
            case JsonValueKind.Object:
                return "an object";
            case JsonValueKind.Array:
                return "an array";
            default:
                string raw = Element.GetRawText();
                return raw.Length <= 60 ? raw : raw[..60] + "...";
        }
    }
}
