namespace Lorikeet.Hub;

/// <summary>A repository's files on this machine, at one commit.</summary>
/// <param name="Id">The repository, with the revision as it was asked for.</param>
/// <param name="Commit">The commit.</param>
/// <param name="Directory">Where the files are.</param>
public sealed record Snapshot(RepositoryId Id, string Commit, string Directory)
{
    /// <summary>The repository at exactly this commit.</summary>
    public RepositoryId Pinned => Id with { Revision = Commit };
}

/// <summary>What is to be pulled.</summary>
/// <param name="Id">The repository.</param>
public sealed record PullRequest(RepositoryId Id)
{
    /// <summary>Which of its files.</summary>
    public FileSelection Files { get; init; } = new();

    /// <summary>Whether files that are in the cache already are read and their hashes checked again; damaged ones are fetched anew.</summary>
    public bool Verify { get; init; }

    /// <summary>A directory of its own for the files, instead of the cache.</summary>
    public string? LocalDirectory { get; init; }
}
