using Lorikeet.Nn.Weights.Interop;

namespace Lorikeet.Nn.Weights;

/// <summary>
/// A directory that appears complete or not at all: files are written into <see cref="StagingPath"/>, a hidden directory beside the
/// target; <see cref="Commit"/> flushes every file and moves it into place with one rename. Disposing without a commit removes it.
/// </summary>
public sealed class AtomicDirectory : IDisposable
{
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

    /// <summary>Starts a directory; its parents are created.</summary>
    public static AtomicDirectory Create(string targetPath)
    {
        string target = Path.TrimEndingDirectorySeparator(Path.GetFullPath(targetPath));
        string staging = AtomicFile.TemporaryPath(target);
        Directory.CreateDirectory(staging);
        return new AtomicDirectory(target, staging);
    }

    /// <summary>
    /// Flushes everything and renames the staging directory to the target. With <paramref name="replace"/> an existing target is first
    /// renamed aside and removed afterwards; without it, an existing target is an error.
    /// </summary>
    /// <exception cref="IOException">The target exists, or a file system error; the staging directory is kept until disposal.</exception>
    public void Commit(bool replace = false)
    {
        ObjectDisposedException.ThrowIf(_done, this);
        FlushTree(StagingPath);
        string parent = Path.GetDirectoryName(TargetPath)!;
        string? aside = null;
        if (Directory.Exists(TargetPath) || File.Exists(TargetPath))
        {
            if (!replace)
            {
                throw new IOException($"{TargetPath}: already exists and is not replaced.");
            }

            aside = AtomicFile.TemporaryPath(TargetPath);
            Directory.Move(TargetPath, aside);
        }

        Directory.Move(StagingPath, TargetPath);
        _done = true;
        DurableDirectory.Flush(parent);
        if (aside is not null)
        {
            Remove(aside);
        }
    }

    /// <summary>
    /// Deletes what writers that were killed left behind directly in <paramref name="directory"/>. Call it only where no other process
    /// is writing.
    /// </summary>
    public static void DeleteStale(string directory)
    {
        if (!Directory.Exists(directory))
        {
            return;
        }

        foreach (string entry in Directory.EnumerateFileSystemEntries(directory, ".*" + AtomicFile.TemporarySuffix))
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
