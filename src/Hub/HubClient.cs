using System.Globalization;
using System.Text.Json;

namespace Lorikeet.Hub;

/// <summary>Brings repositories of the hub to this machine. Nothing of a repository is ever run.</summary>
public sealed class HubClient
{
    private readonly HubOptions _options;
    private readonly TimeProvider _clock;
    private readonly Action<PullEvent> _tell;

    /// <summary>A client.</summary>
    /// <param name="options">Where the hub and the cache are.</param>
    /// <param name="listener">Told what happens; one event at a time.</param>
    /// <param name="clock">For pauses.</param>
    public HubClient(HubOptions options, Action<PullEvent>? listener = null, TimeProvider? clock = null)
    {
        ArgumentNullException.ThrowIfNull(options);
        _options = options;
        _clock = clock ?? TimeProvider.System;
        var oneAtATime = new Lock();
        _tell = happened =>
        {
            lock (oneAtATime)
            {
                listener?.Invoke(happened);
            }
        };
    }

    /// <summary>
    /// What the cache holds of a repository if that is whole: everything that loading needs is there, at the commit that the revision was
    /// last seen at. Never asks the hub.
    /// </summary>
    public Snapshot? FindCached(RepositoryId id)
    {
        ArgumentNullException.ThrowIfNull(id);
        var cache = new HubCache(_options.CacheDirectory, id);
        if (cache.Commit() is not { } commit || !Directory.Exists(cache.Snapshot(commit)))
        {
            return null;
        }

        string directory = cache.Snapshot(commit);
        bool canLoad = id.Kind == RepositoryKind.Model && NeededFiles.CanLoad(directory, ShardIndex.Shards);
        bool isWhole = TreeRecord.Read(cache.Tree(commit)) is { } files ? IsWhole(id, directory, files) || (_options.IsOffline && canLoad) : canLoad;
        return isWhole ? new Snapshot(id, commit, directory) : null;
    }

    /// <summary>Brings a repository's files here, as far as they are missing.</summary>
    /// <param name="request">What is wanted.</param>
    /// <param name="cancel">Ends the pull; what has arrived is kept and not fetched again.</param>
    /// <exception cref="HubException">The hub, the network, the disk or the id does not allow it; the message says which and what to do.</exception>
    /// <exception cref="InvalidDataException">The repository holds nothing that can be used.</exception>
    public async Task<Snapshot> Pull(PullRequest request, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(request);
        RepositoryId id = request.Id;
        if (_options.IsOffline)
        {
            return (request.LocalDirectory is null ? FindCached(id) : null) ?? throw Offline(id);
        }

        using var http = new HubHttp(_options, _clock);
        var retrying = new Retrying(_options, _clock, _tell);
        var api = new HubApi(http, _options, retrying, id);
        RepositoryListing listing;
        try
        {
            listing = await api.List(cancel).ConfigureAwait(false);
        }
        catch (HubException unreachable) when (unreachable.Failure == HubFailure.Unreachable && request.LocalDirectory is null && FindCached(id) is { } cached)
        {
            _tell(new PullNote($"{unreachable.Message}; the copy in the cache is used, commit {cached.Commit}"));
            return cached;
        }
        catch (HubException refused) when (refused.Failure is HubFailure.NotFound or HubFailure.Denied or HubFailure.NoSuchRevision)
        {
            throw await new Advice(http, _options, id).For(refused, cancel).ConfigureAwait(false);
        }

        ChosenFiles chosen = ChosenFiles.Of(listing.Files, id.Kind, request.Files);
        TellLeftOut(chosen);
        RequireUsable(request, listing, chosen);
        IPullTarget target = request.LocalDirectory is { } own ? new LocalTarget(own, listing.Commit, _tell) : new CacheTarget(new HubCache(_options.CacheDirectory, id), listing.Commit, request.Verify ? _tell : null);
        var fetch = new Fetching(_options, http, api, retrying, _tell, target);
        try
        {
            await fetch.Run(listing, chosen.Wanted, cancel).ConfigureAwait(false);
            List<RepositoryFile> shards = id.Kind == RepositoryKind.Model && request.Files.Include.Count == 0 ? MissingShards(target.Directory, listing.Files) : [];
            shards.RemoveAll(shard => request.Files.Exclude.Any(pattern => Glob.Matches(pattern, shard.Path)));
            if (shards.Count > 0)
            {
                await fetch.Run(listing, shards, cancel).ConfigureAwait(false);
            }
        }
        catch (HubException refused) when (refused.Failure == HubFailure.Denied)
        {
            // Of a gated repository everybody may see the list of files.
            throw await new Advice(http, _options, id).For(refused, cancel).ConfigureAwait(false);
        }
        catch (HubException broken) when (broken.Failure == HubFailure.Unreachable)
        {
            throw new HubException($"{broken.Message}. What has arrived is kept: pull again to go on", HubFailure.Unreachable, broken) { Status = broken.Status };
        }

        target.Finish(listing);
        return new Snapshot(id, listing.Commit, target.Directory);
    }

    // Without its README a snapshot is whole enough.
    private static bool IsWhole(RepositoryId id, string directory, IReadOnlyList<RepositoryFile> files) =>
        ChosenFiles.Of(files, id.Kind, new FileSelection()) is { Wanted.Count: > 0 } chosen
        && chosen.Wanted.All(file => NeededFiles.IsNotice(file.Path) || IsThere(directory, file)) && MissingShards(directory, files).Count == 0;

    private static bool IsThere(string directory, RepositoryFile file)
    {
        var info = new FileInfo(Path.Combine(directory, file.Path));
        FileSystemInfo? content = info.LinkTarget is null ? info : info.ResolveLinkTarget(returnFinalTarget: true);
        return content is FileInfo { Exists: true } found && (file.Size is null || found.Length == file.Size);
    }

    // Shards have whatever names the index gives them; names that the hub does not list are nothing that can be fetched.
    private static List<RepositoryFile> MissingShards(string directory, IReadOnlyList<RepositoryFile> files)
    {
        string index = Path.Combine(directory, ShardIndex.Name);
        if (!File.Exists(index) || File.Exists(Path.Combine(directory, "model.safetensors")) || ShardIndex.Shards(index) is not { } shards)
        {
            return [];
        }

        return [.. files.Where(file => shards.Contains(file.Path) && file.Path.EndsWith(".safetensors", StringComparison.Ordinal) && !IsThere(directory, file))];
    }

    private void TellLeftOut(ChosenFiles chosen)
    {
        foreach (var group in chosen.Refused.GroupBy(file => file.Reason))
        {
            string names = string.Join(", ", group.Take(5).Select(file => SafeText.Of(file.Path)));
            string more = group.Count() > 5 ? string.Create(CultureInfo.InvariantCulture, $" and {group.Count() - 5} more") : "";
            _tell(new PullNote($"left out: {names}{more}: {group.Key}"));
        }

        if (chosen.Unneeded > 0)
        {
            _tell(new PullNote(string.Create(CultureInfo.InvariantCulture, $"{chosen.Unneeded} other {(chosen.Unneeded == 1 ? "file is" : "files are")} not needed (--include PATTERN fetches what you name)")));
        }
    }

    private static void RequireUsable(PullRequest request, RepositoryListing listing, ChosenFiles chosen)
    {
        bool hasDefaults = request.Files.Include.Count == 0 && request.Files.Exclude.Count == 0;
        if (hasDefaults && request.Id.Kind == RepositoryKind.Model && !chosen.Wanted.Any(file => file.Path.EndsWith(".safetensors", StringComparison.Ordinal))
            && listing.Files.FirstOrDefault(file => ChosenFiles.IsPickle(file.Path)) is { } pickle)
        {
            throw new InvalidDataException($"{request.Id}: its weights are only there as pickles ({SafeText.Of(pickle.Path)}), which can run code when they are read and are refused. Look for a revision with model.safetensors (often refs/pr/N, made by the hub's converter), or convert them on a machine you trust.");
        }

        if (chosen.Wanted.Count == 0)
        {
            throw new InvalidDataException(string.Create(CultureInfo.InvariantCulture, $"{request.Id}: none of its {listing.Files.Count} files is wanted{(hasDefaults ? $"; is it a {(request.Id.Kind == RepositoryKind.Model ? "data set (--repo-type dataset)" : "model (--repo-type model)")}?" : " by --include and --exclude")}"));
        }
    }

    private HubException Offline(RepositoryId id) => new(
        $"{id} is not in the cache at {_options.CacheDirectory}, or not whole, and HF_HUB_OFFLINE forbids asking the hub. Pull it once without HF_HUB_OFFLINE, or give a directory.", HubFailure.Unreachable);
}

/// <summary>The index of a sharded model.</summary>
internal static class ShardIndex
{
    /// <summary>The index's file.</summary>
    public const string Name = "model.safetensors.index.json";

    private const long MaxBytes = 64 << 20;

    /// <summary>The names of the shards; null if the file is no index.</summary>
    public static IReadOnlyCollection<string>? Shards(string path)
    {
        if (new FileInfo(path).Length > MaxBytes)
        {
            return null;
        }

        try
        {
            using var index = JsonDocument.Parse(File.ReadAllBytes(path));
            return [.. index.RootElement.GetProperty("weight_map").EnumerateObject().Select(entry => entry.Value.GetString()!).ToHashSet(StringComparer.Ordinal)];
        }
        catch (Exception damaged) when (damaged is JsonException or KeyNotFoundException or InvalidOperationException or ArgumentNullException)
        {
            return null;
        }
    }
}
