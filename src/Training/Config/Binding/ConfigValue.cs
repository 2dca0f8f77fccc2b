using System.Reflection;
using System.Text.Json.Nodes;

namespace Lorikeet.Training.Config.Binding;

/// <summary>A type that a key may have: how it is read from a node, written as YAML and described as JSON schema.</summary>
internal abstract class ConfigValue
{
    /// <summary>The words for it in "expected ..., found ...".</summary>
    public abstract string Expected { get; }

    /// <summary>True for a switch: on the command line it may stand without a value.</summary>
    public virtual bool IsSwitch => false;

    /// <summary>The value, or <see cref="BindContext.Unset"/> after adding a problem.</summary>
    public abstract object? Read(ConfigNode node, string path, BindContext context);

    /// <summary>The value in YAML flow style, such that <see cref="Read"/> gives it back.</summary>
    public abstract string Write(object value);

    /// <summary>JSON schema of the value.</summary>
    public abstract JsonObject Schema();

    /// <summary>The value type for a C# property.</summary>
    public static ConfigValue For(PropertyInfo property)
    {
        bool nullable = new NullabilityInfoContext().Create(property).WriteState == NullabilityState.Nullable;
        var path = property.GetCustomAttribute<FilePathAttribute>();
        ConfigValue value = path is { MayNameRepository: true }
            ? new TextValue(isPath: true, property.DeclaringType == typeof(DataSource) ? RepositoryNames.IsData : RepositoryNames.IsModel)
            : For(property.PropertyType, path is not null);
        return nullable && value is not OptionalValue ? new OptionalValue(value) : value;
    }

    private static ConfigValue For(Type type, bool isPath)
    {
        if (Nullable.GetUnderlyingType(type) is { } inner)
        {
            return new OptionalValue(For(inner, isPath));
        }

        if (type.IsGenericType && type.GetGenericTypeDefinition() == typeof(IReadOnlyList<>))
        {
            return new ListValue(type.GetGenericArguments()[0], For(type.GetGenericArguments()[0], isPath));
        }

        if (type.IsGenericType && type.GetGenericTypeDefinition() == typeof(IReadOnlyDictionary<,>))
        {
            return new MapValue(type.GetGenericArguments()[1], For(type.GetGenericArguments()[1], isPath));
        }

        return type switch
        {
            _ when type == typeof(bool) => new SwitchValue(),
            _ when type == typeof(int) => new WholeValue(int.MinValue, int.MaxValue, n => (int)n),
            _ when type == typeof(long) => new WholeValue(long.MinValue, long.MaxValue, n => n),
            _ when type == typeof(double) => new NumberValue(),
            _ when type == typeof(string) => new TextValue(isPath),
            _ when type == typeof(DeviceChoice) => new DeviceValue(),
            _ when type == typeof(ModuleNames) => new ModuleNamesValue(),
            _ when type == typeof(DataSources) => new DataSourcesValue(),
            _ when type.IsEnum => new ChoiceValue(type),
            _ when type.Namespace == typeof(RunConfig).Namespace => new SectionValue(type),
            _ => throw new NotSupportedException($"a run file cannot hold a {type}"),
        };
    }
}
