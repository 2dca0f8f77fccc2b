using System.CommandLine;
using Lorikeet.Cli.Hub;
using Lorikeet.Hub;

namespace Lorikeet.Cli.Commands;

/// <summary>pull: brings a repository of the hub to this machine.</summary>
internal static class PullCommand
{
    /// <summary>The verb.</summary>
    public static Verb Create(CliHost host)
    {
        var repository = new Argument<string>("repository") { HelpName = "ORG/NAME", Description = "The repository, also ORG/NAME@REVISION" };
        var revision = new Option<string?>("--revision") { Description = "A branch, a tag, a commit or refs/pr/N; default main" };
        var type = new Option<string>("--repo-type") { HelpName = "model|dataset", Description = "What the repository holds", DefaultValueFactory = _ => "model" };
        var include = new Option<string[]>("--include") { HelpName = "PATTERN", Description = "Fetch the files that match (* ? [a-z]) instead of those that loading needs; may be given several times", DefaultValueFactory = _ => [], AllowMultipleArgumentsPerToken = true };
        var exclude = new Option<string[]>("--exclude") { HelpName = "PATTERN", Description = "Leave out the files that match", DefaultValueFactory = _ => [], AllowMultipleArgumentsPerToken = true };
        var local = new Option<string?>("--local-dir") { HelpName = "DIR", Description = "Put the files there instead of into the hub's cache" };
        var verify = new Option<bool>("--verify") { Description = "Hash what is in the cache again, and fetch anew what is damaged" };
        var command = new Command("pull", "Fetch a model or data set from the hub, into its cache; prints the directory") { repository, revision, type, include, exclude, local, verify };
        command.SetAction(parsed =>
        {
            var id = RepositoryId.Parse(parsed.GetValue(repository)!, Kind(parsed.GetValue(type)!), parsed.GetValue(revision));
            var request = new PullRequest(id)
            {
                Files = new FileSelection { Include = parsed.GetValue(include)!, Exclude = parsed.GetValue(exclude)! },
                LocalDirectory = parsed.GetValue(local),
                Verify = parsed.GetValue(verify),
            };
            host.Stop.Announcement = "stopping; what has arrived is kept for the next try";
            Snapshot pulled = PullDisplay.Run(host, HubEnvironment.Read(host), request);
            host.Messages.WriteLine($"{id.Name} at commit {pulled.Commit}");
            host.Result.WriteLine(pulled.Directory);
            return ExitCodes.Done;
        });
        return new Verb(command);
    }

    private static RepositoryKind Kind(string word) => word switch
    {
        "model" => RepositoryKind.Model,
        "dataset" => RepositoryKind.Dataset,
        _ => throw new InvalidDataException($"--repo-type: expected model or dataset, found '{word}'"),
    };
}
