using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using Lorikeet.Nn.Weights;

namespace Lorikeet.Models.Composing;

/// <summary>JSON files of a model directory, read to be changed and written as its readers expect them.</summary>
internal static class JsonFiles
{
    private static readonly JsonSerializerOptions Plain = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };
    private static readonly JsonSerializerOptions Readable = new(Plain) { WriteIndented = true };

    public static JsonNode Read(string path) => JsonNode.Parse(JsonFile.Read(path).GetRawText())!;

    public static JsonNode? TryRead(string path) => File.Exists(path) ? Read(path) : null;

    public static void Write(string path, JsonNode json) => File.WriteAllText(path, json.ToJsonString(Readable) + "\n");

    /// <summary>On one line: for vocabularies.</summary>
    public static void WriteCompact(string path, JsonNode json) => File.WriteAllText(path, json.ToJsonString(Plain));
}
