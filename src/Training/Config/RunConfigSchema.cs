using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Xml.Linq;
using Lorikeet.Training.Config.Binding;

namespace Lorikeet.Training.Config;

/// <summary>The JSON schema (draft 2020-12) of a run file, for editors and forms.</summary>
public static class RunConfigSchema
{
    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private static readonly Lazy<IReadOnlyDictionary<string, string>> Descriptions = new(ReadDescriptions);

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
        if (Descriptions.Value.TryGetValue($"{key.Property.DeclaringType!.FullName}.{key.Property.Name}", out string? description))
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
            Enum => written is "true" or "false" ? written == "true" : written.Trim('"'),
            IReadOnlyList<Reporter> reporters => new JsonArray([.. reporters.Select(r => (JsonNode)SnakeCase.From(r.ToString()))]),
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

    private static Dictionary<string, string> ReadDescriptions()
    {
        var assembly = typeof(RunConfig).Assembly;
        string file = Path.Combine(AppContext.BaseDirectory, assembly.GetName().Name + ".xml");
        if (!File.Exists(file))
        {
            return [];
        }

        return XDocument.Load(file).Descendants("member")
            .Where(member => member.Attribute("name")!.Value.StartsWith("P:", StringComparison.Ordinal))
            .ToDictionary(member => member.Attribute("name")!.Value[2..], member => Plain(member.Element("summary")), StringComparer.Ordinal);
    }

    private static string Plain(XElement? summary)
    {
        if (summary is null)
        {
            return "";
        }

        foreach (var reference in summary.Descendants("see").ToList())
        {
            string name = reference.Attribute("cref")!.Value;
            reference.ReplaceWith(SnakeCase.From(name[(name.LastIndexOf('.') + 1)..]));
        }

        return string.Join(' ', summary.Value.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries));
    }
}
