using System.Globalization;

namespace Lorikeet.Hub;

/// <summary>Fetches the files of a list that are missing, several at a time, each checked before it gets its name.</summary>
internal sealed class Fetching(HubOptions options, HubHttp http, HubApi api, Retrying retrying, Action<PullEvent> tell, IPullTarget target)
{
    private const int FilesAtOnce = 4;

    /// <summary>Fetches what is missing.</summary>
    public async Task Run(RepositoryListing listing, IReadOnlyList<RepositoryFile> wanted, CancellationToken cancel)
    {
        List<RepositoryFile> files = await Described(listing, wanted, cancel).ConfigureAwait(false);
        target.Prepare();
        var missing = new List<RepositoryFile>();
        foreach (RepositoryFile file in files)
        {
            if (!target.Has(file, cancel))
            {
                missing.Add(file);
            }
        }

        long kept = missing.Sum(file => PartialFile.Peek(target.Place(file), file.Size!.Value));
        long bytes = missing.Sum(file => file.Size!.Value) - kept;
        tell(new PullPlanned(listing.Commit, missing.Count, bytes, kept, files.Count - missing.Count));
        RequireSpace(bytes);
        using var connections = new SemaphoreSlim(options.Connections);
        var download = new FileDownload(http, options, retrying, connections, tell);

        // Files of the same content are fetched once: the second finds it there.
        var groups = missing.GroupBy(target.Place, StringComparer.Ordinal).Select(group => group.ToList()).ToList();
        await Each(groups, async (group, stop) =>
        {
            foreach (RepositoryFile file in group)
            {
                await One(download, file, listing.Commit, stop).ConfigureAwait(false);
            }
        }, cancel).ConfigureAwait(false);
    }

    private async Task One(FileDownload download, RepositoryFile file, string commit, CancellationToken cancel)
    {
        using FileLock held = await FileLock.Take(target.Lock(file), () => tell(new PullNote($"{file.Path}: another process is fetching it; waiting")), cancel).ConfigureAwait(false);
        if (!target.Has(file, cancel))
        {
            await Fetch(download, file, commit, cancel).ConfigureAwait(false);
            target.Show(file);
        }

        tell(new PullFileDone(file.Path, file.Size!.Value));
    }

    private async Task Fetch(FileDownload download, RepositoryFile file, string commit, CancellationToken cancel)
    {
        string place = target.Place(file);
        string blob = file.BlobName!;
        while (true)
        {
            using PartialFile partial = PartialFile.Open(place, file.Size!.Value);
            await download.Run(file.Path, api.FileAddress(file, commit), partial, cancel).ConfigureAwait(false);
            if (!ContentHash.IsHash(blob))
            {
                tell(new PullNote($"{file.Path}: the server names no hash of it, only its size was checked"));
                partial.MoveTo(place);
                return;
            }

            string found = ContentHash.Of(partial.Bytes, blob, cancel);
            if (found == blob)
            {
                partial.MoveTo(place);
                return;
            }

            partial.Delete();
            if (partial.Kept == 0)
            {
                throw new HubException($"{file.Path}: its {(blob.Length == 64 ? "SHA-256" : "git hash")} should be {blob}, but what arrived has {found}; it was thrown away. If it happens again, the server or something on the way changes files.");
            }

            tell(new PullNote(string.Create(CultureInfo.InvariantCulture, $"{file.Path}: the {partial.Kept} bytes kept from an earlier try, or what was added, are damaged (wrong hash); fetching it anew")));
        }
    }

    private async Task<List<RepositoryFile>> Described(RepositoryListing listing, IReadOnlyList<RepositoryFile> wanted, CancellationToken cancel)
    {
        var described = new RepositoryFile[wanted.Count];
        await Each(Enumerable.Range(0, wanted.Count), async (i, stop) =>
            described[i] = wanted[i].IsDescribed ? wanted[i] : await api.Describe(wanted[i], listing.Commit, stop).ConfigureAwait(false), cancel).ConfigureAwait(false);
        return [.. described];
    }

    private void RequireSpace(long bytes)
    {
        long free = options.FreeSpace(target.Root);
        if (bytes > free)
        {
            throw new HubException(string.Create(CultureInfo.InvariantCulture, $"{target.Root}: {bytes} bytes are to be fetched, but the disk has only {free} bytes free. Free some, or choose another disk with HF_HOME, HF_HUB_CACHE or --local-dir."));
        }
    }

    // Some at a time; after a failure no more are started, and the first failure is thrown once all have ended.
    private static async Task Each<T>(IEnumerable<T> items, Func<T, CancellationToken, Task> work, CancellationToken cancel)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        using var places = new SemaphoreSlim(FilesAtOnce);
        Exception? first = null;
        async Task Guarded(T item)
        {
            try
            {
                await work(item, stop.Token).ConfigureAwait(false);
            }
            catch (Exception failure)
            {
                Interlocked.CompareExchange(ref first, failure, null);
                await stop.CancelAsync().ConfigureAwait(false);
            }
            finally
            {
                places.Release();
            }
        }

        var running = new List<Task>();
        foreach (T item in items)
        {
            try
            {
                await places.WaitAsync(stop.Token).ConfigureAwait(false);
            }
            catch (OperationCanceledException)
            {
                break;
            }

            running.Add(Guarded(item));
        }

        await Task.WhenAll(running).ConfigureAwait(false);
        cancel.ThrowIfCancellationRequested();
        if (first is not null)
        {
            System.Runtime.ExceptionServices.ExceptionDispatchInfo.Throw(first);
        }
    }
}
