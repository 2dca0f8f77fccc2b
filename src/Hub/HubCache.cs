using System.Text;

namespace Lorikeet.Hub;

/// <summary>
/// One repository's part of the cache, laid out as the hub's own clients lay it out, so that both use the same files:
/// <c>blobs/HASH</c> holds contents, <c>snapshots/COMMIT/PATH</c> links to them, <c>refs/REVISION</c> holds the commit a branch or tag
/// was last seen at, <c>trees/COMMIT.json</c> the list of all files; locks are in <c>.locks</c> beside the repositories.
/// </summary>
internal sealed class HubCache(string root, RepositoryId id)
{
    /// <summary>The cache of all repositories.</summary>
    public string Root { get; } = Path.GetFullPath(root);

    /// <summary>The repository's folder.</summary>
    public string Folder => Path.Combine(Root, id.FolderName);

    /// <summary>Where a content is kept.</summary>
    public string Blob(string name) => Path.Combine(Folder, "blobs", name);

    /// <summary>The directory of a commit's files.</summary>
    public string Snapshot(string commit) => Path.Combine(Folder, "snapshots", commit);

    /// <summary>The lock of a content.</summary>
    public string Lock(string name) => Path.Combine(Root, ".locks", id.FolderName, name + ".lock");

    /// <summary>The record of a commit's files.</summary>
    public string Tree(string commit) => Path.Combine(Folder, "trees", commit + ".json");

    /// <summary>The commit that the id's revision was last seen at; null if it never was.</summary>
    public string? Commit()
    {
        if (id.IsPinned)
        {
            return id.Revision;
        }

        string path = Path.Combine(Folder, "refs", id.RevisionOrMain);
        if (File.Exists(path) && new FileInfo(path).Length < 100)
        {
            string commit = File.ReadAllText(path).Trim();
            return RepositoryId.IsCommit(commit) ? commit : null;
        }

        return null;
    }

    /// <summary>Notes which commit the id's revision is at.</summary>
    public void SetCommit(string commit)
    {
        if (id.RevisionOrMain != commit && Commit() != commit)
        {
            Replace(Path.Combine(Folder, "refs", id.RevisionOrMain), commit);
        }
    }

    /// <summary>Makes a content visible under a file's name, by a relative link as the hub's clients make it.</summary>
    /// <exception cref="HubException">The file system has no links.</exception>
    public void Link(string commit, string file, string blobName)
    {
        string link = Path.Combine(Snapshot(commit), file);
        string target = Path.GetRelativePath(Path.GetDirectoryName(link)!, Blob(blobName));
        Directory.CreateDirectory(Path.GetDirectoryName(link)!);
        if (new FileInfo(link).LinkTarget == target)
        {
            return;
        }

        string temporary = Temporary(link);
        try
        {
            File.CreateSymbolicLink(temporary, target);
            File.Move(temporary, link, overwrite: true);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException or PlatformNotSupportedException)
        {
            File.Delete(temporary);
            throw new HubException($"{link}: cannot be made a link to its content ({failure.Message}). On a file system without links, pull with --local-dir DIR", inner: failure);
        }
    }

    /// <summary>Creates the cache's directories, with the mark by which backup programs leave a cache out.</summary>
    public void Prepare()
    {
        bool isNew = !Directory.Exists(Root);
        Directory.CreateDirectory(Path.Combine(Folder, "blobs"));
        if (isNew)
        {
            Replace(Path.Combine(Root, "CACHEDIR.TAG"), "Signature: 8a477f597d28d172789f06886806bc55\n# This directory can be deleted at any time; what is needed is downloaded again.\n");
        }
    }

    /// <summary>Writes a small file so that it is there whole or not at all.</summary>
    public static void Replace(string path, string text)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        string temporary = Temporary(path);
        try
        {
            File.WriteAllText(temporary, text, new UTF8Encoding(false));
            File.Move(temporary, path, overwrite: true);
        }
        catch
        {
            File.Delete(temporary);
            throw;
        }
    }

    private static string Temporary(string path) => Path.Combine(Path.GetDirectoryName(path)!, $".{Guid.NewGuid():N}.tmp");
}
