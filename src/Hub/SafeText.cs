using System.Globalization;
using System.Text;

namespace Lorikeet.Hub;

/// <summary>Text of strangers made fit for a message: no control characters, no endless lines.</summary>
internal static class SafeText
{
    private const int Longest = 200;

    /// <summary>The text with everything that a terminal might obey written as \uXXXX, cut at 200 characters.</summary>
    public static string Of(string text)
    {
        var safe = new StringBuilder();
        foreach (char c in text.Length <= Longest ? text : text[..Longest])
        {
            safe.Append(IsTame(c) ? c.ToString() : string.Create(CultureInfo.InvariantCulture, $"\\u{(int)c:x4}"));
        }

        return safe.Append(text.Length > Longest ? "..." : "").ToString();
    }

    /// <summary>False for control and format characters (line ends, escapes, reversal of direction).</summary>
    public static bool IsTame(char c) => char.GetUnicodeCategory(c)
        is not (UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator);
}
