using Lorikeet.Hub;
using Lorikeet.Training.Config;

namespace Lorikeet.Cli.Hub;

/// <summary>Finds data that the user named: a file, a pattern or a directory, or a data set of the hub, which is pulled if it is not in the cache.</summary>
internal static class HubData
{
    /// <summary>A run file whose data sets of the hub are directories of this machine; each names the commit, so the saved run file means the same rows tomorrow.</summary>
    public static RunConfig Located(CliHost host, RunConfig config) =>
        config with { Data = config.Data with { Train = Located(host, config.Data.Train), Eval = Located(host, config.Data.Eval) } };

    /// <summary>The path that a name stands for; what exists wins over a data set of that name.</summary>
    /// <param name="host">The surroundings.</param>
    /// <param name="name">A path, ORG/NAME or ORG/NAME@REVISION.</param>
    public static string Path(CliHost host, string name) =>
        System.IO.Path.IsPathRooted(name) || File.Exists(name) || Directory.Exists(name) || !RepositoryNames.IsData(name) || RepositoryId.TryParse(name, RepositoryKind.Dataset) is not { } id
            ? name
            : HubModels.Snapshot(host, id, name).Directory;

    private static DataSources? Located(CliHost host, DataSources? sources) =>
        sources is null ? null : DataSources.Of([.. sources.Items.Select(item => item with { Path = item.Path is { } path ? Path(host, path) : null })]);
}
