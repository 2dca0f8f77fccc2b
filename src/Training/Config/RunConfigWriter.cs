using System.Text;
using Lorikeet.Training.Config.Binding;

namespace Lorikeet.Training.Config;

/// <summary>Writes the resolved run file: every key with its value. Reading it gives the same configuration again.</summary>
public static class RunConfigWriter
{
    /// <summary>The configuration as YAML with all keys, sections in block style.</summary>
    public static string Write(RunConfig config)
    {
        ArgumentNullException.ThrowIfNull(config);
        var yaml = new StringBuilder();
        Section(yaml, ConfigTree.Root, config, "");
        return yaml.ToString();
    }

    private static void Section(StringBuilder yaml, SectionValue section, object values, string indent)
    {
        foreach (var key in section.Keys)
        {
            if (ConfigTree.SectionOf(key) is { } inner && key.Get(values) is { } given)
            {
                yaml.Append(indent).Append(key.Name).Append(":\n");
                Section(yaml, inner, given, indent + "  ");
            }
            else
            {
                yaml.Append(indent).Append(key.Name).Append(": ").Append(YamlText.Value(key, values)).Append('\n');
            }
        }
    }
}
