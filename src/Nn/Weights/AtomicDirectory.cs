using Lorikeet.Nn.Weights.Interop;

namespace Lorikeet.Nn.Weights;

/// <summary>
/// A directory that appears complete or not at all: files are written into <see cref="StagingPath"/>, a hidden directory beside the
/// target; <see cref="Commit"/> flushes every file and moves it into place with one rename. Disposing without a commit removes it.
/// </summary>
public sealed class AtomicDirectory : IDisposable
{
    // What a replaced directory is called where the file system cannot exchange names; Recover brings it back if need be.
    private const string AsideSuffix = ".lorikeet-old";

    private bool _done;

    private AtomicDirectory(string target, string staging)
    {
        TargetPath = target;
        StagingPath = staging;
    }

    /// <summary>Where the directory will be.</summary>
    public string TargetPath { get; }

    /// <summary>Where to write the files.</summary>
    public string StagingPath { get; }

    /// <summary>Told when everything is on disk under the hidden name, just before it gets its own.</summary>
    public Action? Flushed { get; init; }

    /// <summary>Told when the directory has its name, before what it replaced is removed.</summary>
    public Action? Renamed { get; init; }

    /// <summary>Whether names may be exchanged; a test says no, to go the way of file systems that can't.</summary>
    internal bool MayExchange { get; init; } = true;

    /// <summary>Starts a directory; its parents are created.</summary>
    public static AtomicDirectory Create(string targetPath, Action? flushed = null, Action? renamed = null) => Create(targetPath, mayExchange: true, flushed, renamed);

    /// <summary>
    /// Flushes everything and gives the staging directory the target's name. With <paramref name="replace"/> an existing target changes
    /// names with it in one step and is removed afterwards (where the file system can't, it is first renamed aside, see
    /// <see cref="Recover"/>); without it, an existing target is an error.
    /// </summary>
    /// <exception cref="IOException">The target exists, or a file system error; the staging directory is kept until disposal.</exception>
    public void Commit(bool replace = false)
    {
        ObjectDisposedException.ThrowIf(_done, this);
        FlushTree(StagingPath);
        bool exists = Directory.Exists(TargetPath) || File.Exists(TargetPath);
        if (exists && !replace)
        {
            throw new IOException($"{TargetPath}: already exists and is not replaced.");
        }

        Flushed?.Invoke();
        string? replaced = exists ? Exchange() : null;
        if (!exists)
        {
            Directory.Move(StagingPath, TargetPath);
        }

        _done = true;
        DurableDirectory.Flush(Path.GetDirectoryName(TargetPath)!);
        Renamed?.Invoke();
        if (replaced is not null)
        {
            Remove(replaced);
        }
    }

    /// <summary>Removes a directory so that its name is gone in one step: readers never see half of it.</summary>
    public static void Delete(string directory)
    {
        string target = Path.TrimEndingDirectorySeparator(Path.GetFullPath(directory));
        string hidden = AtomicFile.TemporaryPath(target);
        Directory.Move(target, hidden);
        Remove(hidden);
    }

    /// <summary>
    /// Tidies up after writers that were killed, directly in <paramref name="directory"/>: a directory that was set aside and not yet
    /// replaced gets its name back, what was being written or removed is deleted. Call it only where no other process is writing.
    /// </summary>
    public static void Recover(string directory)
    {
        if (!Directory.Exists(directory))
        {
            return;
        }

        foreach (string aside in Directory.GetDirectories(directory, ".*" + AsideSuffix))
        {
            string name = Path.GetFileName(aside)[1..^AsideSuffix.Length];
            string original = Path.Combine(directory, name[..name.LastIndexOf('.')]);
            if (Directory.Exists(original) || File.Exists(original))
            {
                Remove(aside);
            }
            else
            {
                Directory.Move(aside, original);
            }
        }

        foreach (string entry in Directory.GetFileSystemEntries(directory, ".*" + AtomicFile.TemporarySuffix))
        {
            Remove(entry);
        }
    }

    /// <summary>Removes the staging directory if it was not committed.</summary>
    public void Dispose()
    {
        if (!_done)
        {
            _done = true;
            Remove(StagingPath);
        }
    }

    internal static AtomicDirectory Create(string targetPath, bool mayExchange, Action? flushed = null, Action? renamed = null)
    {
        string target = Path.TrimEndingDirectorySeparator(Path.GetFullPath(targetPath));
        string staging = AtomicFile.TemporaryPath(target);
        Directory.CreateDirectory(staging);
        return new AtomicDirectory(target, staging) { MayExchange = mayExchange, Flushed = flushed, Renamed = renamed };
    }

    /// <summary>Puts the staging directory in the target's place.</summary>
    /// <returns>Where the old one is now.</returns>
    private string Exchange()
    {
        if (MayExchange && NamesAtomically.TryExchange(StagingPath, TargetPath))
        {
            return StagingPath;
        }

        string aside = AtomicFile.TemporaryPath(TargetPath)[..^AtomicFile.TemporarySuffix.Length] + AsideSuffix;
        Directory.Move(TargetPath, aside);
        Directory.Move(StagingPath, TargetPath);
        return aside;
    }

    private static void Remove(string path)
    {
        if (Directory.Exists(path))
        {
            Directory.Delete(path, recursive: true);
        }
        else
        {
            File.Delete(path);
        }
    }

    private static void FlushTree(string directory)
    {
        foreach (string file in Directory.EnumerateFiles(directory))
        {
            using var handle = File.OpenHandle(file, FileMode.Open, FileAccess.ReadWrite);
            RandomAccess.FlushToDisk(handle);
        }

        foreach (string child in Directory.EnumerateDirectories(directory))
        {
            FlushTree(child);
        }

        DurableDirectory.Flush(directory);
    }
}
