using System.Globalization;

namespace Lorikeet.Hub;

/// <summary>Where pulled files go.</summary>
internal interface IPullTarget
{
    /// <summary>The directory that holds the files under their names.</summary>
    string Directory { get; }

    /// <summary>A directory on the disk that the bytes go to.</summary>
    string Root { get; }

    /// <summary>Creates what is needed before files come.</summary>
    void Prepare();

    /// <summary>The path that a file's content gets once it is whole; the unfinished one lies beside it.</summary>
    string Place(RepositoryFile file);

    /// <summary>The lock of a file.</summary>
    string Lock(RepositoryFile file);

    /// <summary>True if the file is there under its name, whole; a content that only lacks its name gets it.</summary>
    bool Has(RepositoryFile file, CancellationToken cancel);

    /// <summary>Gives a whole content its name.</summary>
    void Show(RepositoryFile file);

    /// <summary>Records what was pulled.</summary>
    void Finish(RepositoryListing listing);
}

/// <summary>The hub's cache.</summary>
/// <param name="cache">The cache.</param>
/// <param name="commit">The commit.</param>
/// <param name="verify">If not null, contents that are there are hashed again, and this is told of damaged ones.</param>
internal sealed class CacheTarget(HubCache cache, string commit, Action<PullEvent>? verify) : IPullTarget
{
    public string Directory => cache.Snapshot(commit);

    public string Root => cache.Root;

    public void Prepare()
    {
        cache.Prepare();
        System.IO.Directory.CreateDirectory(Directory);
    }

    public string Place(RepositoryFile file) => cache.Blob(file.BlobName!);

    public string Lock(RepositoryFile file) => cache.Lock(file.BlobName!);

    public bool Has(RepositoryFile file, CancellationToken cancel)
    {
        // Contents get their name only after their hash was checked; the size tells a disk that lost some.
        var blob = new FileInfo(Place(file));
        if (!blob.Exists || blob.Length != file.Size)
        {
            return false;
        }

        if (verify is not null && ContentHash.IsHash(file.BlobName!) && ContentHash.Of(blob.FullName, file.BlobName!, cancel) != file.BlobName)
        {
            verify(new PullNote($"{file.Path}: the copy in the cache is damaged (wrong hash); fetching it anew"));
            return false;
        }

        Show(file);
        return true;
    }

    public void Show(RepositoryFile file) => cache.Link(commit, file.Path, file.BlobName!);

    public void Finish(RepositoryListing listing)
    {
        TreeRecord.Write(cache.Tree(commit), listing.Files);
        cache.SetCommit(commit);
    }
}

/// <summary>A directory of the user's, with the records of the hub's own clients below <c>.cache/huggingface</c>.</summary>
internal sealed class LocalTarget(string directory, string commit, Action<PullEvent> tell) : IPullTarget
{
    public string Directory { get; } = Path.GetFullPath(directory);

    public string Root => Directory;

    private string Records => Path.Combine(Directory, ".cache", "huggingface", "download");

    public void Prepare()
    {
        System.IO.Directory.CreateDirectory(Records);
        string ignore = Path.Combine(Directory, ".cache", "huggingface", ".gitignore");
        if (!File.Exists(ignore))
        {
            HubCache.Replace(ignore, "*\n");
        }
    }

    public string Place(RepositoryFile file) => Path.Combine(Records, $"{file.Path}.{file.BlobName}");

    public string Lock(RepositoryFile file) => Path.Combine(Records, file.Path + ".lock");

    public bool Has(RepositoryFile file, CancellationToken cancel)
    {
        // The user may have changed a file: its content is looked at, not a record.
        var found = new FileInfo(Path.Combine(Directory, file.Path));
        return found.Exists && found.Length == file.Size && ContentHash.IsHash(file.BlobName!)
            && ContentHash.Of(found.FullName, file.BlobName!, cancel) == file.BlobName;
    }

    public void Show(RepositoryFile file)
    {
        string path = Path.Combine(Directory, file.Path);
        if (File.Exists(path))
        {
            tell(new PullNote($"{file.Path}: the file that was there is replaced"));
        }

        System.IO.Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.Move(Place(file), path, overwrite: true);
        double seconds = (File.GetLastWriteTimeUtc(path) - DateTime.UnixEpoch).TotalSeconds;
        HubCache.Replace(Path.Combine(Records, file.Path + ".metadata"), string.Create(CultureInfo.InvariantCulture, $"{commit}\n{file.BlobName}\n{seconds:R}\n"));
    }

    public void Finish(RepositoryListing listing) => TreeRecord.Write(Path.Combine(Directory, ".cache", "huggingface", "trees", commit + ".json"), listing.Files);
}
