using System.Globalization;
using System.Text.RegularExpressions;

namespace Lorikeet.Cli.Terminal;

/// <summary>Many module paths in one line: numbers become ranges of layers.</summary>
internal static partial class ModuleSummary
{
    /// <summary>For example <c>model.text_model.layers.{0-29}.self_attn.q_proj</c>, one pattern after the other.</summary>
    public static string Of(IEnumerable<string> paths)
    {
        var groups = new Dictionary<string, SortedSet<int>>(StringComparer.Ordinal);
        foreach (string path in paths)
        {
            Match number = LayerNumber().Match(path);
            string pattern = number.Success ? path[..number.Groups[1].Index] + "{}" + path[(number.Groups[1].Index + number.Groups[1].Length)..] : path;
            if (!groups.TryGetValue(pattern, out SortedSet<int>? numbers))
            {
                groups[pattern] = numbers = [];
            }

            if (number.Success)
            {
                numbers.Add(int.Parse(number.Groups[1].Value, CultureInfo.InvariantCulture));
            }
        }

        return string.Join(", ", groups.Select(g => g.Key.Replace("{}", Ranges(g.Value), StringComparison.Ordinal)));
    }

    private static string Ranges(SortedSet<int> numbers)
    {
        var ranges = new List<(int First, int Last)>();
        foreach (int n in numbers)
        {
            if (ranges.Count > 0 && ranges[^1].Last == n - 1)
            {
                ranges[^1] = (ranges[^1].First, n);
            }
            else
            {
                ranges.Add((n, n));
            }
        }

        return "{" + string.Join(',', ranges.Select(r => r.First == r.Last ? $"{r.First}" : $"{r.First}-{r.Last}")) + "}";
    }

    [GeneratedRegex(@"\.(\d+)\.", RegexOptions.CultureInvariant)]
    private static partial Regex LayerNumber();
}
