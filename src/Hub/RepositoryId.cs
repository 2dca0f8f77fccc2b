using System.Text.RegularExpressions;

namespace Lorikeet.Hub;

/// <summary>What a repository of the hub holds.</summary>
public enum RepositoryKind
{
    /// <summary>A model.</summary>
    Model,

    /// <summary>A data set.</summary>
    Dataset,
}

/// <summary>The name of a repository on the hub, with the revision that is wanted of it.</summary>
/// <param name="Name">Owner and name, such as <c>org/name</c>.</param>
/// <param name="Revision">A branch, a tag or a commit; null for the branch <c>main</c>.</param>
/// <param name="Kind">What it holds.</param>
public sealed partial record RepositoryId(string Name, string? Revision = null, RepositoryKind Kind = RepositoryKind.Model)
{
    private const int MaxName = 96;
    private const int MaxRevision = 250;

    /// <summary>The revision, <c>main</c> if none was given.</summary>
    public string RevisionOrMain => Revision ?? "main";

    /// <summary>True if the revision is a whole commit hash, which nobody can move.</summary>
    public bool IsPinned => Revision is not null && IsCommit(Revision);

    /// <summary>The repository's folder in the cache.</summary>
    internal string FolderName => (Kind == RepositoryKind.Model ? "models--" : "datasets--") + Name.Replace("/", "--", StringComparison.Ordinal);

    /// <summary>What stands before <c>/revision/...</c> in addresses of the API.</summary>
    internal string ApiPath => (Kind == RepositoryKind.Model ? "api/models/" : "api/datasets/") + Name;

    /// <summary>What stands before <c>/resolve/...</c> in addresses of files.</summary>
    internal string FilePath => (Kind == RepositoryKind.Model ? "" : "datasets/") + Name;

    /// <summary>Reads <c>org/name</c> or <c>org/name@revision</c>; null if the text is neither.</summary>
    public static RepositoryId? TryParse(string text, RepositoryKind kind = RepositoryKind.Model)
    {
        ArgumentNullException.ThrowIfNull(text);
        int at = text.IndexOf('@', StringComparison.Ordinal);
        (string name, string? revision) = at < 0 ? (text, null) : (text[..at], text[(at + 1)..]);
        return IsName(name) && (revision is null || IsRevision(revision)) ? new RepositoryId(name, revision, kind) : null;
    }

    /// <summary>Reads <c>org/name</c> or <c>org/name@revision</c>.</summary>
    /// <param name="text">The text.</param>
    /// <param name="kind">What the repository holds.</param>
    /// <param name="revision">The revision if the text names none; both is an error.</param>
    /// <exception cref="InvalidDataException">The text or the revision is malformed.</exception>
    public static RepositoryId Parse(string text, RepositoryKind kind, string? revision = null)
    {
        RepositoryId id = TryParse(text, kind) ?? throw new InvalidDataException(
            $"'{SafeText.Of(text)}' is no repository of the hub; expected ORG/NAME, or ORG/NAME@REVISION, of letters, digits, '-', '_' and '.'");
        if (revision is null)
        {
            return id;
        }

        if (id.Revision is not null)
        {
            throw new InvalidDataException($"{text}: the revision is given twice, as @{id.Revision} and as --revision {SafeText.Of(revision)}");
        }

        return IsRevision(revision) ? id with { Revision = revision }
            : throw new InvalidDataException($"'{SafeText.Of(revision)}' is no revision; expected the name of a branch or tag, or a commit");
    }

    /// <summary>The id as it is typed.</summary>
    public override string ToString() => Revision is null ? Name : $"{Name}@{Revision}";

    /// <summary>True for a whole commit hash.</summary>
    internal static bool IsCommit(string text) => text.Length == 40 && text.All(char.IsAsciiHexDigitLower);

    private static bool IsName(string name) => name.Length <= MaxName && NamePattern().IsMatch(name)
        && !name.Contains("--", StringComparison.Ordinal) && !name.Contains("..", StringComparison.Ordinal)
        && name.Split('/').All(part => !part.EndsWith('.') && !part.EndsWith('-') && !part.EndsWith(".git", StringComparison.OrdinalIgnoreCase));

    // A revision becomes the name of a file below refs/, so it must be a tame path.
    private static bool IsRevision(string revision) => revision.Length is > 0 and <= MaxRevision && RevisionPattern().IsMatch(revision)
        && revision.Split('/').All(part => part.Length > 0 && part[0] != '.' && !part.Contains("..", StringComparison.Ordinal));

    [GeneratedRegex(@"\A[A-Za-z0-9_][A-Za-z0-9_.-]*/[A-Za-z0-9_][A-Za-z0-9_.-]*\z", RegexOptions.None, 1000)]
    private static partial Regex NamePattern();

    [GeneratedRegex(@"\A[A-Za-z0-9_.+/-]+\z", RegexOptions.None, 1000)]
    private static partial Regex RevisionPattern();
}
