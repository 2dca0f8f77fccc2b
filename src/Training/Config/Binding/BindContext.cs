namespace Lorikeet.Training.Config.Binding;

/// <summary>What binding a tree collects besides the values: where each key was written, and everything that is wrong.</summary>
internal sealed class BindContext(string runFileFolder, string currentFolder)
{
    /// <summary>Returned by a reader that has reported a problem: the key keeps its default.</summary>
    public static readonly object Unset = new();

    public Dictionary<string, Origin> Origins { get; } = new(StringComparer.Ordinal);

    public List<string> Problems { get; } = [];

    /// <summary>Things said to the user that are no errors.</summary>
    public List<string> Notes { get; } = [];

    public object WrongType(ConfigNode node, string path, string expected)
    {
        Problems.Add($"{node.Origin}: {path}: expected {expected}, found {node.Kind}");
        return Unset;
    }

    public object Problem(Origin origin, string message)
    {
        Problems.Add($"{origin}: {message}");
        return Unset;
    }

    /// <summary>The folder that relative paths written at this place are relative to.</summary>
    public string FolderOf(Origin origin) => origin.IsCommandLine ? currentFolder : runFileFolder;
}
