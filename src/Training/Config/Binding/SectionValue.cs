using System.Reflection;
using System.Text.Json.Nodes;

namespace Lorikeet.Training.Config.Binding;

/// <summary>One key of a section.</summary>
internal sealed class ConfigKey(PropertyInfo property, object defaults)
{
    public string Name { get; } = property.GetCustomAttribute<KeyAttribute>()?.Name ?? SnakeCase.From(property.Name);

    public PropertyInfo Property => property;

    public ConfigValue Value { get; } = ConfigValue.For(property);

    public BoundsAttribute? Bounds { get; } = property.GetCustomAttribute<BoundsAttribute>();

    public object? Default { get; } = property.GetValue(defaults);

    public object? Get(object section) => property.GetValue(section);

    public void Set(object section, object? value) => property.SetValue(section, value);
}

/// <summary>A section: a record whose properties are the keys.</summary>
internal sealed class SectionValue : ConfigValue
{
    private readonly Type _type;
    private readonly Dictionary<string, ConfigKey> _byName;

    public SectionValue(Type type)
    {
        _type = type;
        object defaults = Activator.CreateInstance(type)!;
        Keys =
        [
            .. type.GetProperties(BindingFlags.Public | BindingFlags.Instance).Where(p => p.SetMethod is not null)
                .OrderBy(p => p.MetadataToken).Select(p => new ConfigKey(p, defaults)),
        ];
        _byName = Keys.ToDictionary(key => key.Name, StringComparer.Ordinal);
    }

    public IReadOnlyList<ConfigKey> Keys { get; }

    public override string Expected => "a section (keys with values)";

    public ConfigKey? Find(string name) => _byName.GetValueOrDefault(name);

    public override object? Read(ConfigNode node, string path, BindContext context)
    {
        node = node is ArgumentNode argument ? argument.AsYaml() : node;
        object section = Activator.CreateInstance(_type)!;
        if (node is ScalarNode { IsNull: true })
        {
            return section;
        }

        if (node is not MappingNode mapping)
        {
            return context.WrongType(node, path.Length == 0 ? "the run file" : path, Expected);
        }

        foreach (var entry in mapping.Entries)
        {
            string full = path.Length == 0 ? entry.Key : $"{path}.{entry.Key}";
            if (Find(entry.Key) is not { } key)
            {
                context.Problem(entry.KeyOrigin, $"unknown key '{full}'{ConfigTree.Hint(full)}");
                continue;
            }

            context.Origins[full] = entry.KeyOrigin;
            object? value = key.Value.Read(entry.Value, full, context);
            if (!ReferenceEquals(value, BindContext.Unset))
            {
                key.Set(section, value);
            }
        }

        return section;
    }

    public override string Write(object value) =>
        "{" + string.Join(", ", Keys.Select(key => $"{key.Name}: {YamlText.Value(key, value)}")) + "}";

    public override JsonObject Schema()
    {
        var properties = new JsonObject();
        foreach (var key in Keys)
        {
            properties.Add(key.Name, RunConfigSchema.Describe(key));
        }

        return new JsonObject { ["type"] = "object", ["additionalProperties"] = false, ["properties"] = properties };
    }
}
