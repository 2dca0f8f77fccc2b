using Lorikeet.Training.Config.Binding;

namespace Lorikeet.Training.Config;

/// <summary>Settings given on the command line: --lora.r 16, --train.learning_rate=1e-4, --method full.</summary>
public static class RunOverrides
{
    /// <summary>
    /// Takes the settings out of a command line. A setting is --section.key or --key for a top-level key, followed by its value or
    /// joined to it with =. A switch may stand alone.
    /// </summary>
    /// <param name="arguments">The command line.</param>
    /// <param name="own">Options of the verb itself, such as --data; they are no settings.</param>
    /// <returns>The other arguments, and the settings in the form that <see cref="RunConfigReader.Load"/> takes.</returns>
    public static (IReadOnlyList<string> Others, IReadOnlyList<string> Overrides) Split(IReadOnlyList<string> arguments, IReadOnlySet<string>? own = null)
    {
        ArgumentNullException.ThrowIfNull(arguments);
        var rest = new List<string>();
        var overrides = new List<string>();
        for (int i = 0; i < arguments.Count; i++)
        {
            string argument = arguments[i];
            if (argument == "--")
            {
                rest.AddRange(arguments.Skip(i));
                break;
            }

            if (!IsSetting(argument) || own?.Contains(argument.Split('=', 2)[0]) == true)
            {
                rest.Add(argument);
                continue;
            }

            overrides.Add(argument);
            bool hasNext = i + 1 < arguments.Count && !arguments[i + 1].StartsWith("--", StringComparison.Ordinal);
            if (!argument.Contains('=', StringComparison.Ordinal) && hasNext && TakesValue(PathOf(argument), arguments[i + 1]))
            {
                overrides.Add(arguments[++i]);
            }
        }

        return (rest, overrides);
    }

    /// <summary>The settings as entries, checked for form; the names are checked when they are bound.</summary>
    internal static List<(string Path, ArgumentNode Value)> Parse(IReadOnlyList<string> overrides)
    {
        var settings = new List<(string Path, ArgumentNode Value)>();
        for (int i = 0; i < overrides.Count; i++)
        {
            string argument = overrides[i];
            if (!argument.StartsWith("--", StringComparison.Ordinal) || argument.Length < 3)
            {
                throw new InvalidDataException(
                    $"command line: unexpected '{argument}'; settings look like --lora.r 16, and lists like --lora.target_modules '[q_proj, v_proj]'");
            }

            string path = PathOf(argument);
            var origin = new Origin(argument.Split('=', 2)[0], 0, 0);
            if (argument.Contains('=', StringComparison.Ordinal))
            {
                settings.Add((path, new ArgumentNode(argument.Split('=', 2)[1], origin)));
            }
            else if (i + 1 < overrides.Count && !overrides[i + 1].StartsWith("--", StringComparison.Ordinal))
            {
                settings.Add((path, new ArgumentNode(overrides[++i], origin)));
            }
            else if (ConfigTree.Find(Synonyms.KeyFor(path)) is { Value.IsSwitch: true })
            {
                settings.Add((path, new ArgumentNode("true", origin)));
            }
            else
            {
                throw new InvalidDataException(ConfigTree.Find(Synonyms.KeyFor(path)) is null && !Synonyms.HasNoEffect(path)
                    ? $"{origin}: unknown key '{path}'{ConfigTree.Hint(path)}" : $"{origin}: a value is missing");
            }
        }

        return settings;
    }

    /// <summary>The tree with the settings put in; they win over what the file says.</summary>
    internal static MappingNode Apply(MappingNode root, IReadOnlyList<string> overrides)
    {
        foreach (var (path, value) in Parse(overrides))
        {
            root = Set(root, path.Split('.'), value);
        }

        return root;
    }

    private static MappingNode Set(MappingNode section, ReadOnlySpan<string> path, ArgumentNode value)
    {
        string key = path[0];
        var before = section.Entries.FirstOrDefault(entry => entry.Key == key);
        ConfigNode changed = value;
        if (path.Length > 1)
        {
            // Something other than a section in the file stays: binding will complain about it there.
            var inner = before?.Value is null or ScalarNode { IsNull: true } ? new MappingNode([], value.Origin) : before.Value as MappingNode;
            if (inner is null)
            {
                return section;
            }

            changed = Set(inner, path[1..], value);
        }
        else if (IsSection(value))
        {
            var given = value.AsYaml();
            changed = before?.Value is MappingNode old && given is MappingNode replacements ? Merge(old, replacements) : given;
        }

        var entry = new MappingEntry(key, path.Length > 1 && before is not null ? before.KeyOrigin : value.Origin, changed);
        return section with
        {
            Entries = before is null ? [.. section.Entries, entry] : [.. section.Entries.Select(e => e.Key == key ? entry : e)],
        };
    }

    // --lora '{r: 4}' changes one key of the section; --lora.rank_pattern '{...}' gives the whole value.
    private static bool IsSection(ArgumentNode value) => ConfigTree.Find(PathOf(value.Origin.Source)) is { } key && ConfigTree.SectionOf(key) is not null;

    private static MappingNode Merge(MappingNode old, MappingNode replacements) => old with
    {
        Entries = [.. old.Entries.Where(e => replacements.Entries.All(r => r.Key != e.Key)), .. replacements.Entries],
    };

    private static bool IsSetting(string argument)
    {
        if (!argument.StartsWith("--", StringComparison.Ordinal))
        {
            return false;
        }

        string path = PathOf(argument);
        return path.Contains('.', StringComparison.Ordinal) || ConfigTree.Root.Find(path) is not null;
    }

    // A switch takes the next word only if that is a value for it: in "--train.bf16 run.yaml" the file is none.
    private static bool TakesValue(string path, string next) =>
        ConfigTree.Find(Synonyms.KeyFor(path)) is not { Value.IsSwitch: true }
        || new ScalarNode(next, Plain: true, default) is { AsBoolean: not null } or { IsNull: true };

    private static string PathOf(string argument) => argument[2..].Split('=', 2)[0].Replace('-', '_');
}
