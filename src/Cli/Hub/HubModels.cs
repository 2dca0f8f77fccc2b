using Lorikeet.Hub;

namespace Lorikeet.Cli.Hub;

/// <summary>Finds the directory of a model that the user named: a directory, or a repository of the hub, which is pulled if it is not in the cache.</summary>
internal static class HubModels
{
    /// <summary>The directory of a model named on the command line. A directory of that name wins over a repository.</summary>
    /// <param name="host">The surroundings.</param>
    /// <param name="name">A directory, ORG/NAME or ORG/NAME@REVISION.</param>
    /// <param name="revision">The revision of a repository whose name has none.</param>
    public static string Directory(CliHost host, string name, string? revision = null) =>
        System.IO.Directory.Exists(name) || File.Exists(name) || RepositoryId.TryParse(name) is not { } id ? name
        : Snapshot(host, id.Revision is null && revision is not null ? RepositoryId.Parse(name, id.Kind, revision) : id, name).Directory;

    /// <summary>
    /// <c>model.path</c> of a run file with the commit that a repository's revision stands for, so that a run means the same model
    /// tomorrow; a directory stays as it is.
    /// </summary>
    public static string? Pinned(CliHost host, string? path) =>
        path is null || Path.IsPathRooted(path) || RepositoryId.TryParse(path) is not { } id ? path : Snapshot(host, id, path).Pinned.ToString();

    /// <summary>The directory of a run file's <c>model.path</c>, which is absolute or names a repository.</summary>
    public static string OfRun(CliHost host, string path) =>
        Path.IsPathRooted(path) || RepositoryId.TryParse(path) is not { } id ? path : Snapshot(host, id, path).Directory;

    /// <summary>A repository's files: from the cache if they are whole there, else pulled.</summary>
    /// <param name="host">The surroundings.</param>
    /// <param name="id">The repository.</param>
    /// <param name="asked">What the user wrote.</param>
    internal static Snapshot Snapshot(CliHost host, RepositoryId id, string asked)
    {
        HubOptions options = HubEnvironment.Read(host);
        if (new HubClient(options).FindCached(id) is { } cached)
        {
            if (!id.IsPinned)
            {
                host.Messages.WriteLine($"note: {id} is taken from the cache, commit {cached.Commit} ('{host.CommandName} pull {id}{(id.Kind == RepositoryKind.Dataset ? " --repo-type dataset" : "")}' looks for a newer one)");
            }

            return cached;
        }

        if (!options.IsOffline)
        {
            host.Messages.WriteLine($"note: there is no {(id.Kind == RepositoryKind.Dataset ? "file or directory" : "directory")} '{asked}'; pulling {id} from {options.Endpoint.Authority}");
        }

        try
        {
            Snapshot pulled = PullDisplay.Run(host, options, new PullRequest(id));
            host.Messages.WriteLine($"{id.Name} at commit {pulled.Commit}: {pulled.Directory}");
            return pulled;
        }
        catch (HubException failure) when (failure.Failure is HubFailure.NotFound or HubFailure.Unreachable)
        {
            throw new HubException($"there is no {(id.Kind == RepositoryKind.Dataset ? "file or directory" : "directory")} '{asked}', and {failure.Message}", failure.Failure, failure);
        }
    }
}
