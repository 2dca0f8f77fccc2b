using System.Text.RegularExpressions;

namespace Lorikeet.Evaluation;

/// <summary>
/// Words of a text for BLEU: punctuation stands apart, but not a full stop or comma between digits; a hyphen stands apart behind a digit.
/// </summary>
/// <remarks>Source: mteval-v13a, sacreBLEU's <c>tok:13a</c>.</remarks>
internal static partial class BleuTokenizer
{
    /// <summary>The words.</summary>
    public static string[] Tokenize(string text)
    {
        text = text.TrimEnd().Replace("<skipped>", "", StringComparison.Ordinal).Replace("-\n", "", StringComparison.Ordinal).Replace('\n', ' ')
            .Replace("&quot;", "\"", StringComparison.Ordinal).Replace("&amp;", "&", StringComparison.Ordinal)
            .Replace("&lt;", "<", StringComparison.Ordinal).Replace("&gt;", ">", StringComparison.Ordinal);
        text = Symbols().Replace(" " + text + " ", " $1 ");
        text = StopBehindOther().Replace(text, "$1 $2 ");
        text = StopBeforeOther().Replace(text, " $1 $2");
        return Words.Split(HyphenBehindDigit().Replace(text, "$1 $2 "));
    }

    // Every ASCII symbol but the full stop, comma, hyphen and apostrophe.
    [GeneratedRegex(@"([{-~\[-` -&(-+:-@/])", RegexOptions.CultureInvariant, 10_000)]
    private static partial Regex Symbols();

    [GeneratedRegex(@"([^0-9])([.,])", RegexOptions.CultureInvariant, 10_000)]
    private static partial Regex StopBehindOther();

    [GeneratedRegex(@"([.,])([^0-9])", RegexOptions.CultureInvariant, 10_000)]
    private static partial Regex StopBeforeOther();

    [GeneratedRegex(@"([0-9])(-)", RegexOptions.CultureInvariant, 10_000)]
    private static partial Regex HyphenBehindDigit();
}
