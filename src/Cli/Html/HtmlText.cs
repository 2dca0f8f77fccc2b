using System.Globalization;
using System.Runtime.CompilerServices;
using System.Text;

namespace Lorikeet.Cli.Html;

/// <summary>
/// Markup that is safe to put on a page. It is made from literals of the program, <c>HtmlText.Of($"&lt;b&gt;{text}&lt;/b&gt;")</c>: every
/// value in braces is escaped unless it is <see cref="HtmlText"/> itself, so text of users, models and data sets can't become markup.
/// </summary>
internal readonly record struct HtmlText
{
    private readonly string? _markup;

    private HtmlText(string markup) => _markup = markup;

    /// <summary>Nothing.</summary>
    public static HtmlText Empty => default;

    /// <summary>Markup from a literal with values, which are escaped.</summary>
    public static HtmlText Of(HtmlTextBuilder literal) => new(literal.ToString());

    /// <summary>Escaped text, for content and for attribute values in quotes. What HTML forbids becomes U+FFFD.</summary>
    public static HtmlText Escape(string text)
    {
        var markup = new StringBuilder(text.Length + 16);
        AppendEscaped(markup, text);
        return new HtmlText(markup.ToString());
    }

    /// <summary>One piece behind the other.</summary>
    public static HtmlText Join(IEnumerable<HtmlText> pieces) => new(string.Concat(pieces.Select(p => p.ToString())));

    /// <summary>The markup.</summary>
    public override string ToString() => _markup ?? "";

    /// <summary>Appends text with everything escaped that could end a text or an attribute value.</summary>
    internal static void AppendEscaped(StringBuilder markup, ReadOnlySpan<char> text)
    {
        foreach (Rune rune in text.EnumerateRunes()) // half surrogates come as U+FFFD
        {
            _ = rune.Value switch
            {
                '&' => markup.Append("&amp;"),
                '<' => markup.Append("&lt;"),
                '>' => markup.Append("&gt;"),
                '"' => markup.Append("&quot;"),
                '\'' => markup.Append("&#39;"),
                '\t' or '\n' => markup.Append((char)rune.Value),
                '\r' => markup.Append("&#13;"),
                < ' ' or (>= 0x7F and < 0xA0) => markup.Append('\uFFFD'),
                _ => markup.Append(rune.ToString()),
            };
        }
    }
}

/// <summary>Builds <see cref="HtmlText"/> from an interpolated literal.</summary>
[InterpolatedStringHandler]
internal readonly ref struct HtmlTextBuilder
{
    private readonly StringBuilder _markup;

    /// <summary>Called by the compiler.</summary>
    public HtmlTextBuilder(int literalLength, int formattedCount) => _markup = new StringBuilder(literalLength + (16 * formattedCount));

    /// <summary>Markup of the program's own.</summary>
    public void AppendLiteral(string literal) => _markup.Append(literal);

    /// <summary>Markup that is safe already.</summary>
    public void AppendFormatted(HtmlText html) => _markup.Append(html.ToString());

    /// <summary>Pieces of markup that are safe already.</summary>
    public void AppendFormatted(IEnumerable<HtmlText> pieces)
    {
        foreach (HtmlText piece in pieces)
        {
            _markup.Append(piece.ToString());
        }
    }

    /// <summary>Text, which is escaped.</summary>
    public void AppendFormatted(string? text) => HtmlText.AppendEscaped(_markup, text);

    /// <summary>A number or another value in invariant form, escaped.</summary>
    public void AppendFormatted<T>(T value, string? format = null)
        where T : IFormattable => HtmlText.AppendEscaped(_markup, value.ToString(format, CultureInfo.InvariantCulture));

    /// <summary>The markup.</summary>
    public override string ToString() => _markup.ToString();
}
