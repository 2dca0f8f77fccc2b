using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Schema;
using System.Text.Json.Serialization;

namespace Lorikeet.Tracking;

/// <summary>One event as one line of JSON, and back.</summary>
public static class RunEventJson
{
    /// <summary>The version of the format. It changes when an existing name changes its meaning, not when names are added.</summary>
    public const int Version = 1;

    private static readonly RunEventContext Context = new(new JsonSerializerOptions
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals,
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        AllowOutOfOrderMetadataProperties = true,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    });

    /// <summary>The event as UTF-8 JSON without a line end. NaN and infinities are written as the texts "NaN", "Infinity", "-Infinity".</summary>
    public static byte[] Write(RunEvent happened)
    {
        ArgumentNullException.ThrowIfNull(happened);
        var fields = JsonSerializer.SerializeToNode(happened, Context.RunEvent)!.AsObject();
        fields.Insert(0, "v", Version);
        return JsonSerializer.SerializeToUtf8Bytes(fields, Context.JsonObject);
    }

    /// <summary>The event of a line; null if it is of a type that this version doesn't know.</summary>
    /// <exception cref="InvalidDataException">The line is no event, or of a later version of the format.</exception>
    public static RunEvent? Read(ReadOnlySpan<byte> line)
    {
        try
        {
            var fields = JsonSerializer.Deserialize(line, Context.JsonObject) ?? throw new JsonException("null");
            int version = fields["v"] is JsonValue v && v.TryGetValue(out int number) ? number
                : throw new InvalidDataException("no run event: it has no version 'v'");
            if (version != Version)
            {
                throw new InvalidDataException(FormattableString.Invariant($"a run event of version {version}; this program reads version {Version}"));
            }

            string? type = fields["type"] is JsonValue t && t.TryGetValue(out string? word) ? word : null;
            fields.Remove("v");
            return type is not null && KnownTypes.Contains(type) ? fields.Deserialize(Context.RunEvent) : null;
        }
        catch (Exception bad) when (bad is JsonException or InvalidOperationException or NotSupportedException or ArgumentException)
        {
            throw new InvalidDataException($"no run event: {bad.Message}", bad);
        }
    }

    /// <summary>A JSON schema of the lines; docs/run-events.schema.json holds it.</summary>
    public static JsonObject Schema()
    {
        var schema = JsonSchemaExporter.GetJsonSchemaAsNode(Context.RunEvent).AsObject();
        schema.Insert(0, "$schema", "https://json-schema.org/draft/2020-12/schema");
        schema.Insert(1, "title", "A line of events.jsonl");
        schema["type"] = "object";
        foreach (var type in schema["anyOf"]!.AsArray())
        {
            var properties = type!["properties"]!.AsObject();
            properties.Insert(0, "v", new JsonObject { ["const"] = Version });
            type["required"] = new JsonArray("v", "type", "time");
        }

        return schema;
    }

    /// <summary>The names of the types that are written to files.</summary>
    internal static IReadOnlySet<string> KnownTypes { get; } = typeof(RunEvent).GetCustomAttributes(typeof(JsonDerivedTypeAttribute), inherit: false)
        .Cast<JsonDerivedTypeAttribute>().Select(type => (string)type.TypeDiscriminator!).ToHashSet(StringComparer.Ordinal);
}

[JsonSerializable(typeof(RunEvent))]
[JsonSerializable(typeof(JsonObject))]
internal sealed partial class RunEventContext : JsonSerializerContext;
