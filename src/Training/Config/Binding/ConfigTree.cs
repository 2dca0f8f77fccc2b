namespace Lorikeet.Training.Config.Binding;

/// <summary>All keys of a run file, built once from the records.</summary>
internal static class ConfigTree
{
    /// <summary>The whole tree.</summary>
    public static SectionValue Root { get; } = new(typeof(RunConfig));

    /// <summary>Every key that holds a value, by its full name such as lora.r.</summary>
    public static IReadOnlyDictionary<string, ConfigKey> Leaves { get; } =
        Walk(Root, "").ToDictionary(leaf => leaf.Path, leaf => leaf.Key, StringComparer.Ordinal);

    /// <summary>The key of a full name; sections count too.</summary>
    public static ConfigKey? Find(string path)
    {
        ConfigKey? key = null;
        var section = Root;
        foreach (string part in path.Split('.'))
        {
            key = section?.Find(part);
            section = key is null ? null : SectionOf(key);
            if (key is null)
            {
                return null;
            }
        }

        return key;
    }

    /// <summary>Words that lead from an unknown key to the one that was probably meant.</summary>
    public static string Hint(string path)
    {
        if (path.EndsWith("<<", StringComparison.Ordinal))
        {
            return ": merge keys are not supported; write the keys out";
        }

        int dot = path.LastIndexOf('.');
        string prefix = dot < 0 ? "" : path[..(dot + 1)];
        string name = path[(dot + 1)..];
        var siblings = (dot < 0 ? Root : Find(path[..dot]) is { } parent ? SectionOf(parent) : null)?.Keys.Select(key => key.Name) ?? [];

        // First the same word in another section: keys are grouped here that other programs keep flat.
        string[] elsewhere = [.. Leaves.Keys.Where(leaf => leaf.EndsWith("." + name, StringComparison.Ordinal))];
        if (elsewhere.Length > 0)
        {
            return $"; did you mean {string.Join(" or ", elsewhere)}?";
        }

        if (Nearest.Find(name, siblings) is { } near)
        {
            return $"; did you mean {prefix}{near}?";
        }

        string? anywhere = Nearest.Find(name, Leaves.Keys.Select(leaf => leaf[(leaf.LastIndexOf('.') + 1)..]));
        return anywhere is null ? $"; known here: {string.Join(", ", siblings)}"
            : $"; did you mean {string.Join(" or ", Leaves.Keys.Where(leaf => leaf == anywhere || leaf.EndsWith("." + anywhere, StringComparison.Ordinal)))}?";
    }

    /// <summary>The section behind a key, or null if it holds a value.</summary>
    public static SectionValue? SectionOf(ConfigKey key) => key.Value as SectionValue ?? (key.Value as OptionalValue)?.Inner as SectionValue;

    private static IEnumerable<(string Path, ConfigKey Key)> Walk(SectionValue section, string prefix) =>
        section.Keys.SelectMany(key => SectionOf(key) is { } inner ? Walk(inner, prefix + key.Name + ".") : [(prefix + key.Name, key)]);
}
