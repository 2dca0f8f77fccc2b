using System.Collections;
using System.Text.Json.Nodes;

namespace Lorikeet.Training.Config.Binding;

/// <summary>A value that may be left out: null.</summary>
internal sealed class OptionalValue(ConfigValue inner) : ConfigValue
{
    public ConfigValue Inner => inner;

    public override string Expected => inner.Expected + " or null";

    public override bool IsSwitch => inner.IsSwitch;

    public override object? Read(ConfigNode node, string path, BindContext context)
    {
        var scalar = node is ArgumentNode argument ? argument.AsScalar() : node as ScalarNode;
        return scalar is { IsNull: true } ? null : inner.Read(node, path, context);
    }

    public override string Write(object value) => inner.Write(value);

    public override JsonObject Schema()
    {
        var schema = inner.Schema();
        if (schema["enum"] is JsonArray words)
        {
            words.Add((JsonNode?)null);
            return schema;
        }

        if (schema["type"] is JsonValue type)
        {
            schema["type"] = new JsonArray(type.DeepClone(), "null");
            return schema;
        }

        return new JsonObject { ["anyOf"] = new JsonArray(schema, new JsonObject { ["type"] = "null" }) };
    }
}

/// <summary>A list. A single value stands for a list of one.</summary>
internal sealed class ListValue(Type itemType, ConfigValue item) : ConfigValue
{
    public override string Expected => $"a list ({item.Expected} each)";

    public override object? Read(ConfigNode node, string path, BindContext context)
    {
        node = node is ArgumentNode argument ? argument.AsYaml() : node;
        IReadOnlyList<ConfigNode> items = node switch
        {
            SequenceNode sequence => sequence.Items,
            ScalarNode { IsNull: true, Text: not ("none" or "None") } => [],
            ScalarNode scalar => [scalar],
            _ => [],
        };
        if (node is MappingNode)
        {
            return context.WrongType(node, path, Expected);
        }

        var list = (IList)Activator.CreateInstance(typeof(List<>).MakeGenericType(itemType))!;
        for (int i = 0; i < items.Count; i++)
        {
            object? value = item.Read(items[i], FormattableString.Invariant($"{path}[{i}]"), context);
            if (ReferenceEquals(value, BindContext.Unset))
            {
                return BindContext.Unset;
            }

            list.Add(value);
        }

        return list;
    }

    public override string Write(object value) =>
        "[" + string.Join(", ", ((IEnumerable)value).Cast<object>().Select(item.Write)) + "]";

    public override JsonObject Schema() => new() { ["type"] = "array", ["items"] = item.Schema() };
}

/// <summary>Free keys with values of one type.</summary>
internal sealed class MapValue(Type valueType, ConfigValue value) : ConfigValue
{
    public override string Expected => $"keys with values ({value.Expected} each)";

    public override object? Read(ConfigNode node, string path, BindContext context)
    {
        node = node is ArgumentNode argument ? argument.AsYaml() : node;
        var map = (IDictionary)Activator.CreateInstance(typeof(Dictionary<,>).MakeGenericType(typeof(string), valueType))!;
        if (node is ScalarNode { IsNull: true })
        {
            return map;
        }

        if (node is not MappingNode mapping)
        {
            return context.WrongType(node, path, Expected);
        }

        foreach (var entry in mapping.Entries)
        {
            object? read = value.Read(entry.Value, $"{path}.{entry.Key}", context);
            if (ReferenceEquals(read, BindContext.Unset))
            {
                return BindContext.Unset;
            }

            map.Add(entry.Key, read);
        }

        return map;
    }

    public override string Write(object map)
    {
        var entries = new SortedDictionary<string, string>(StringComparer.Ordinal);
        foreach (DictionaryEntry entry in (IDictionary)map)
        {
            entries.Add((string)entry.Key, value.Write(entry.Value!));
        }

        return "{" + string.Join(", ", entries.Select(entry => $"{YamlText.Quote(entry.Key)}: {entry.Value}")) + "}";
    }

    public override JsonObject Schema() => new() { ["type"] = "object", ["additionalProperties"] = value.Schema() };
}

/// <summary>PEFT's way to name modules: one text (a pattern) or a list of names.</summary>
internal sealed class ModuleNamesValue : ConfigValue
{
    private static readonly TextValue Text = new(isPath: false);

    private readonly ListValue _list = new(typeof(string), Text);

    public override string Expected => "a pattern or a list of module names";

    public override object? Read(ConfigNode node, string path, BindContext context)
    {
        // On the command line, brackets make a list and everything else is the pattern itself, whatever signs it contains.
        if (node is ArgumentNode argument && argument.Text.TrimStart().StartsWith('[') && argument.AsYaml() is SequenceNode typed)
        {
            node = typed;
        }

        object? read = node switch
        {
            SequenceNode => _list.Read(node, path, context),
            MappingNode => context.WrongType(node, path, Expected),
            _ => Text.Read(node, path, context),
        };
        return read switch
        {
            string { Length: > 0 } pattern => ModuleNames.Matching(pattern),
            string => context.WrongType(node, path, Expected),
            IReadOnlyList<string> names => ModuleNames.Named(names),
            _ => read,
        };
    }

    public override string Write(object value)
    {
        var modules = (ModuleNames)value;
        return modules.Pattern is { } pattern ? Text.Write(pattern) : _list.Write(modules.Names);
    }

    public override JsonObject Schema() => new() { ["anyOf"] = new JsonArray(Text.Schema(), _list.Schema()) };
}
