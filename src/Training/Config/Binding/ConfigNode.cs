namespace Lorikeet.Training.Config.Binding;

/// <summary>Where a value was written: a place in a file, or an argument of the command line.</summary>
/// <param name="Source">The file's name as the user gave it, or the argument.</param>
/// <param name="Line">Line in the file from 1; 0 for an argument.</param>
/// <param name="Column">Column in the line from 1.</param>
internal readonly record struct Origin(string Source, long Line, long Column)
{
    public bool IsCommandLine => Line == 0;

    public override string ToString() =>
        IsCommandLine ? $"command line: {Source}" : FormattableString.Invariant($"{Source}:{Line}:{Column}");
}

/// <summary>A piece of a run file before it has a type.</summary>
internal abstract record ConfigNode(Origin Origin)
{
    /// <summary>What a message calls it.</summary>
    public abstract string Kind { get; }
}

/// <summary>A single value. <paramref name="Plain"/> is false where quotes made it a text for certain.</summary>
internal sealed record ScalarNode(string Text, bool Plain, Origin Origin) : ConfigNode(Origin)
{
    private static readonly HashSet<string> Nulls = new(["", "~", "null", "Null", "NULL", "none", "None"], StringComparer.Ordinal);
    private static readonly HashSet<string> Trues = new(["true", "yes", "on"], StringComparer.OrdinalIgnoreCase);
    private static readonly HashSet<string> Falses = new(["false", "no", "off"], StringComparer.OrdinalIgnoreCase);

    public override string Kind => Text.Length == 0 && Plain ? "nothing" : Plain ? Text : $"the text \"{Text}\"";

    public bool IsNull => Plain && Nulls.Contains(Text);

    public bool? AsBoolean => !Plain ? null : Trues.Contains(Text) ? true : Falses.Contains(Text) ? false : null;
}

/// <summary>A list of values.</summary>
internal sealed record SequenceNode(IReadOnlyList<ConfigNode> Items, Origin Origin) : ConfigNode(Origin)
{
    public override string Kind => "a list";
}

/// <summary>Keys with values, in the order they were written; a key occurs once.</summary>
internal sealed record MappingNode(IReadOnlyList<MappingEntry> Entries, Origin Origin) : ConfigNode(Origin)
{
    public override string Kind => "a section";
}

/// <summary>One key of a mapping, its place, and its value.</summary>
internal sealed record MappingEntry(string Key, Origin KeyOrigin, ConfigNode Value);

/// <summary>A value typed on the command line: its meaning (text, or YAML in flow style) depends on the type it is bound to.</summary>
internal sealed record ArgumentNode(string Text, Origin Origin) : ConfigNode(Origin)
{
    public override string Kind => Text.Length == 0 ? "nothing" : $"'{Text}'";

    /// <summary>The value as a plain scalar: for texts, numbers and switches.</summary>
    public ScalarNode AsScalar() => new(Text, Plain: true, Origin);

    /// <summary>The value read as YAML: for lists and sections.</summary>
    public ConfigNode AsYaml() => YamlTree.ParseArgument(Text, Origin);
}
