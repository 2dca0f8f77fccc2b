using System.Text.Json.Nodes;
using Lorikeet.Training.Config.Binding;

namespace Lorikeet.Training.Config;

/// <summary>The resolved run file as JSON, for trackers.</summary>
internal static class RunConfigJson
{
    /// <summary>Every key with its value, section by section.</summary>
    public static JsonObject Write(RunConfig config) => Section(ConfigTree.Root, config);

    private static JsonObject Section(SectionValue section, object values) => new(section.Keys.Select(key =>
        KeyValuePair.Create(key.Name, ConfigTree.SectionOf(key) is { } inner && key.Get(values) is { } given ? Section(inner, given) : Value(key.Get(values), key.Value))));

    // What JSON has no type for is written as the run file has it.
    private static JsonNode? Value(object? value, ConfigValue type) => value switch
    {
        null => null,
        bool flag => flag,
        int number => number,
        long number => number,
        double number => number,
        string text => text,
        IEnumerable<string> names => new JsonArray([.. names.Select(name => (JsonNode)name)]),
        _ => type.Write(value).Trim('"'),
    };
}
