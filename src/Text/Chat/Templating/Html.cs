using System.Text;

namespace Lorikeet.Text.Chat.Templating;

/// <summary>The little HTML that the filters <c>escape</c>, <c>striptags</c> and <c>xmlattr</c> need.</summary>
internal static class Html
{
    /// <summary>Escapes a value; text that is already escaped stays.</summary>
    public static string Escape(object? value, Budget budget)
    {
        if (value is Markup markup)
        {
            return markup.Text;
        }

        var text = PyText.Str(value, budget);
        budget.Text(text.Length * 2L);
        var builder = new StringBuilder(text.Length);
        foreach (var c in text)
        {
            builder.Append(c switch { '&' => "&amp;", '<' => "&lt;", '>' => "&gt;", '\'' => "&#39;", '"' => "&#34;", _ => null });
            if (c is not ('&' or '<' or '>' or '\'' or '"'))
            {
                builder.Append(c);
            }
        }

        return builder.ToString();
    }

    /// <summary>Removes comments and tags, collapses white space, and turns entities back into characters.</summary>
    public static string StripTags(string text)
    {
        text = Remove(text, "<!--", "-->");
        text = Remove(text, "<", ">");
        var words = PySplit.OnSpaces(text, -1, fromRight: false);
        return System.Net.WebUtility.HtmlDecode(string.Join(' ', words));
    }

    private static string Remove(string text, string open, string close)
    {
        var builder = new StringBuilder(text.Length);
        var at = 0;
        while (true)
        {
            var start = text.IndexOf(open, at, StringComparison.Ordinal);
            var end = start < 0 ? -1 : text.IndexOf(close, start + open.Length, StringComparison.Ordinal);
            if (end < 0)
            {
                return builder.Append(text, at, text.Length - at).ToString();
            }

            builder.Append(text, at, start - at);
            at = end + close.Length;
        }
    }
}
