using System.Text;

namespace Lorikeet.Cli.Terminal;

/// <summary>Text of data sets for a terminal: what would move the cursor, change colours or turn the direction of writing is shown instead.</summary>
internal static class SafeText
{
    /// <summary>The text with control characters made visible; line ends and tabs stay if asked for.</summary>
    public static string Of(string text, bool keepsLines = false)
    {
        var safe = new StringBuilder(text.Length);
        foreach (char c in text)
        {
            _ = c switch
            {
                '\n' or '\t' when keepsLines => safe.Append(c),
                < ' ' => safe.Append((char)('\u2400' + c)),
                '\u007F' => safe.Append('\u2421'),
                (>= '\u0080' and <= '\u009F') or (>= '\u202A' and <= '\u202E') or (>= '\u2066' and <= '\u2069') => safe.Append('\uFFFD'),
                _ => safe.Append(c),
            };
        }

        return safe.ToString();
    }
}
