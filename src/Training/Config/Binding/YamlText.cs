using System.Globalization;
using System.Text;

namespace Lorikeet.Training.Config.Binding;

/// <summary>Writes YAML that our reader and Python's read alike.</summary>
internal static class YamlText
{
    /// <summary>The value of a key of a section, null included.</summary>
    public static string Value(ConfigKey key, object section) => key.Get(section) is { } value ? key.Value.Write(value) : "null";

    /// <summary>A text: as it is where nobody can take it for anything else, otherwise in double quotes.</summary>
    public static string Quote(string text) => IsPlainWord(text) ? text : Escape(text);

    private static bool IsPlainWord(string text) =>
        text.Length > 0 && (char.IsAsciiLetter(text[0]) || text[0] is '/' or '_')
        && text.All(c => char.IsAsciiLetterOrDigit(c) || c is '_' or '-' or '.' or '/')
        && new ScalarNode(text, Plain: true, default) is { IsNull: false, AsBoolean: null }
        && !text.Equals("y", StringComparison.OrdinalIgnoreCase) && !text.Equals("n", StringComparison.OrdinalIgnoreCase);

    private static string Escape(string text)
    {
        var quoted = new StringBuilder(text.Length + 2).Append('"');
        foreach (var rune in text.EnumerateRunes())
        {
            bool printable = rune.Value is >= 0x20 and not (>= 0x7f and < 0xa0) and not (0x2028 or 0x2029 or 0xfeff or 0xfffe or 0xffff);
            _ = rune.Value switch
            {
                '"' => quoted.Append("\\\""),
                '\\' => quoted.Append("\\\\"),
                '\n' => quoted.Append("\\n"),
                '\t' => quoted.Append("\\t"),
                _ when printable => quoted.Append(rune),
                _ => quoted.Append(CultureInfo.InvariantCulture, $"\\U{rune.Value:x8}"),
            };
        }

        return quoted.Append('"').ToString();
    }
}
