namespace Lorikeet.Models;

/// <summary>Where a model directory came from: a repository of the hub, at one commit.</summary>
/// <param name="Repository">Owner and name, such as <c>org/name</c>.</param>
/// <param name="Commit">The commit, 40 hexadecimal digits.</param>
public sealed record ModelOrigin(string Repository, string Commit)
{
    /// <summary>
    /// Reads the origin off a directory's path, if it lies in a cache of the hub's layout:
    /// <c>.../models--ORG--NAME/snapshots/COMMIT</c>. Null for any other directory.
    /// </summary>
    public static ModelOrigin? Of(string directory)
    {
        ArgumentNullException.ThrowIfNull(directory);
        string[] parts = Path.TrimEndingDirectorySeparator(Path.GetFullPath(directory)).Split(Path.DirectorySeparatorChar);
        return parts is [.., var folder, "snapshots", { Length: 40 } commit] && commit.All(char.IsAsciiHexDigitLower)
            && folder.Split("--") is ["models", { Length: > 0 } owner, { Length: > 0 } name] ? new ModelOrigin($"{owner}/{name}", commit) : null;
    }

    /// <summary>The repository with its commit, as run files and the command line take it.</summary>
    public override string ToString() => $"{Repository}@{Commit}";
}
