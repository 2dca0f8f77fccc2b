using System.Globalization;
using System.Text.Json.Nodes;

namespace Lorikeet.Training.Config.Binding;

/// <summary>Where samples come from: a path, a mapping that begins with one, or a list of either.</summary>
internal sealed class DataSourcesValue : ConfigValue
{
    private static readonly TextValue PathText = new(isPath: true, RepositoryNames.IsData);
    private static readonly SectionValue Source = new(typeof(DataSource));

    public override string Expected => "a path, or a list of paths or of sources ({path: ..., weight: ..., split: ...})";

    public override object? Read(ConfigNode node, string path, BindContext context)
    {
        // On the command line brackets and braces make a list and a source; everything else is a path, whatever signs it contains.
        if (node is ArgumentNode argument && argument.Text.TrimStart() is ['[' or '{', ..] && argument.AsYaml() is SequenceNode or MappingNode)
        {
            node = argument.AsYaml();
        }

        if (node is not SequenceNode sequence)
        {
            return One(node, path, context) is DataSource only ? DataSources.Of([only]) : BindContext.Unset;
        }

        if (sequence.Items.Count == 0)
        {
            return context.WrongType(node, path, "at least one source");
        }

        var items = new List<DataSource>();
        for (int i = 0; i < sequence.Items.Count; i++)
        {
            if (One(sequence.Items[i], string.Create(CultureInfo.InvariantCulture, $"{path}[{i}]"), context) is DataSource item)
            {
                items.Add(item);
            }
        }

        return items.Count == sequence.Items.Count ? DataSources.Of(items) : BindContext.Unset;
    }

    public override string Write(object value)
    {
        var sources = (DataSources)value;
        return sources.Items is [{ } only] && only == new DataSource { Path = only.Path }
            ? PathText.Write(only.Path!)
            : "[" + string.Join(", ", sources.Items.Select(WriteOne)) + "]";
    }

    public override JsonObject Schema()
    {
        JsonObject source = Source.Schema();
        source["required"] = new JsonArray("path");
        JsonObject one = new() { ["anyOf"] = new JsonArray(PathText.Schema(), source) };
        return new() { ["anyOf"] = new JsonArray(PathText.Schema(), source.DeepClone(), new JsonObject { ["type"] = "array", ["items"] = one, ["minItems"] = 1 }) };
    }

    private object? One(ConfigNode node, string path, BindContext context)
    {
        if (node is not MappingNode mapping)
        {
            return node is SequenceNode ? context.WrongType(node, path, Expected)
                : PathText.Read(node, path, context) is string text ? new DataSource { Path = text }
                : null;
        }

        foreach (var entry in mapping.Entries.Where(e => Source.Find(e.Key) is null))
        {
            string hint = Nearest.Find(entry.Key, Source.Keys.Select(k => k.Name)) is { } near ? $"; did you mean {near}?"
                : $"; known here: {string.Join(", ", Source.Keys.Select(k => k.Name))}";
            return context.Problem(entry.KeyOrigin, $"unknown key '{path}.{entry.Key}'{hint}");
        }

        if (Source.Read(mapping, path, context) is not DataSource source)
        {
            return null;
        }

        foreach (var key in Source.Keys)
        {
            if (key.Get(source) is { } value && key.Bounds?.Complaint(Convert.ToDouble(value, CultureInfo.InvariantCulture)) is { } complaint)
            {
                return context.Problem(mapping.Origin, $"{path}.{key.Name}: {complaint}");
            }
        }

        return source.Path is null ? context.Problem(mapping.Origin, $"{path}: needs a path") : source;
    }

    private static string WriteOne(DataSource source) => source == new DataSource { Path = source.Path }
        ? PathText.Write(source.Path!)
        : "{" + string.Join(", ", Source.Keys.Where(k => k.Get(source) is not null).Select(k => $"{k.Name}: {YamlText.Value(k, source)}")) + "}";
}
