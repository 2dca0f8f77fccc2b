using System.Text;
using Lorikeet.Training.Config.Binding;

namespace Lorikeet.Training.Config;

/// <summary>The reference of all keys of a run file, for docs/run-file.md.</summary>
public static class RunConfigReference
{
    /// <summary>One Markdown table for the top-level keys and one for each section.</summary>
    public static string Write()
    {
        var text = new StringBuilder();
        Table(text, "Top level", ConfigTree.Root.Keys.Where(key => ConfigTree.SectionOf(key) is null));
        foreach (var key in ConfigTree.Root.Keys)
        {
            if (ConfigTree.SectionOf(key) is { } section)
            {
                Section(text, key.Name, section);
            }
        }

        return text.ToString();
    }

    private static void Section(StringBuilder text, string name, SectionValue section)
    {
        Table(text, name, section.Keys.Where(key => ConfigTree.SectionOf(key) is null));
        foreach (var key in section.Keys)
        {
            if (ConfigTree.SectionOf(key) is { } inner)
            {
                Section(text, $"{name}.{key.Name}{(key.Value is OptionalValue ? " (absent unless given)" : "")}", inner);
            }
        }
    }

    private static void Table(StringBuilder text, string title, IEnumerable<ConfigKey> keys)
    {
        var rows = keys.ToList();
        if (rows.Count == 0)
        {
            return;
        }

        text.Append(text.Length == 0 ? "" : "\n").Append("### ").Append(title).Append("\n\n| key | value | default | meaning |\n|---|---|---|---|\n");
        foreach (var key in rows)
        {
            string values = key.Value.Expected + (key.Bounds is { } bounds ? $", {bounds}" : "");
            string standard = key.Default is { } value ? key.Value.Write(value) : "null";
            text.Append("| `").Append(key.Name).Append("` | ").Append(Cell(values)).Append(" | `").Append(Cell(standard)).Append("` | ")
                .Append(Cell(KeyDescriptions.Of(key) ?? "")).Append(" |\n");
        }
    }

    private static string Cell(string text) => text.Replace("|", "\\|", StringComparison.Ordinal);
}
