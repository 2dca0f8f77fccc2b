using System.Collections;
using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using Lorikeet.Training.Config.Binding;

namespace Lorikeet.Training.Config;

/// <summary>The JSON schema (draft 2020-12) of a run file, for editors and forms.</summary>
public static class RunConfigSchema
{
    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>The schema as indented JSON. Descriptions are those of the properties, if the documentation file lies beside the program.</summary>
    public static string Write()
    {
        var schema = new JsonObject
        {
            ["$schema"] = "https://json-schema.org/draft/2020-12/schema",
            ["title"] = "Lorikeet run file",
        };
        foreach (var (name, value) in ConfigTree.Root.Schema())
        {
            schema.Add(name, value?.DeepClone());
        }

        return schema.ToJsonString(Indented);
    }

    internal static JsonObject Describe(ConfigKey key)
    {
        var schema = key.Value.Schema();
        if (KeyDescriptions.Of(key) is { } description)
        {
            schema["description"] = description;
        }

        if (key.Bounds is { } bounds)
        {
            Add(schema, "minimum", bounds.Min);
            Add(schema, "exclusiveMinimum", bounds.Above);
            Add(schema, "maximum", bounds.Max);
            Add(schema, "exclusiveMaximum", bounds.Below);
        }

        if (ConfigTree.SectionOf(key) is null)
        {
            schema["default"] = Default(key);
        }

        return schema;
    }

    private static JsonNode? Default(ConfigKey key)
    {
        if (key.Default is null)
        {
            return null;
        }

        // What the writer writes for a value other than a text is JSON already; for words it is the bare word.
        string written = key.Value.Write(key.Default);
        return key.Default switch
        {
            string text => text,
            DeviceChoice => written.Trim('"'),
            Enum => written is "true" or "false" ? written == "true" : written.Trim('"'),
            IList { Count: > 0 } words when words[0] is Enum => new JsonArray([.. words.Cast<Enum>().Select(w => (JsonNode)SnakeCase.From(w.ToString()))]),
            _ => JsonNode.Parse(written),
        };
    }

    private static void Add(JsonObject schema, string name, double limit)
    {
        if (double.IsFinite(limit))
        {
            schema[name] = JsonNode.Parse(limit.ToString("R", CultureInfo.InvariantCulture));
        }
    }
}
