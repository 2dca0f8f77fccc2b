using System.Xml.Linq;

namespace Lorikeet.Training.Config.Binding;

/// <summary>What the keys mean: the documentation of their properties, read from the file that the compiler writes beside the program.</summary>
internal static class KeyDescriptions
{
    private static readonly Lazy<IReadOnlyDictionary<string, string>> Descriptions = new(Read);

    /// <summary>The description of a key on one line, or null if the documentation file is missing.</summary>
    public static string? Of(ConfigKey key) => Descriptions.Value.GetValueOrDefault($"{key.Property.DeclaringType!.FullName}.{key.Property.Name}");

    private static Dictionary<string, string> Read()
    {
        var assembly = typeof(RunConfig).Assembly;
        string file = Path.Combine(AppContext.BaseDirectory, assembly.GetName().Name + ".xml");
        if (!File.Exists(file))
        {
            return [];
        }

        return XDocument.Load(file).Descendants("member")
            .Where(member => member.Attribute("name")!.Value.StartsWith("P:", StringComparison.Ordinal))
            .ToDictionary(member => member.Attribute("name")!.Value[2..], member => Plain(member.Element("summary")), StringComparer.Ordinal);
    }

    private static string Plain(XElement? summary)
    {
        if (summary is null)
        {
            return "";
        }

        foreach (var reference in summary.Descendants("see").ToList())
        {
            string name = reference.Attribute("cref")!.Value;
            reference.ReplaceWith(SnakeCase.From(name[(name.LastIndexOf('.') + 1)..]));
        }

        return string.Join(' ', summary.Value.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries));
    }
}
