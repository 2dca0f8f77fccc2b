using System.Text.RegularExpressions;

namespace Lorikeet.Training.Config;

/// <summary>Which texts of a run file may name a repository of the hub instead of a path.</summary>
public static partial class RepositoryNames
{
    private static readonly string[] DataFiles = [".jsonl", ".ndjson", ".json", ".csv", ".tsv", ".parquet", ".txt", ".gz", ".zip"];

    /// <summary>Whether a text has the form ORG/NAME or ORG/NAME@REVISION.</summary>
    public static bool IsModel(string text) => Form().IsMatch(text);

    /// <summary>As <see cref="IsModel"/>, but not a name that ends as data files do: that is a path, which may be misspelt.</summary>
    public static bool IsData(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        return IsModel(text) && !DataFiles.Any(ending => text.EndsWith(ending, StringComparison.OrdinalIgnoreCase));
    }

    [GeneratedRegex(@"\A[A-Za-z0-9_][A-Za-z0-9_.-]*/[A-Za-z0-9_][A-Za-z0-9_.-]*(@[A-Za-z0-9_.+/-]+)?\z", RegexOptions.None, 1000)]
    private static partial Regex Form();
}
