namespace Lorikeet.Hub;

/// <summary>
/// A lock between processes: a file that is locked with flock as long as this object lives, as the hub's other clients lock it.
/// The file itself stays.
/// </summary>
internal sealed class FileLock : IDisposable
{
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(100);

    private readonly FileStream _file;

    private FileLock(FileStream file)
    {
        _file = file;
    }

    /// <summary>Waits until the lock is free and takes it.</summary>
    /// <param name="path">The lock's file; its directories are created.</param>
    /// <param name="waiting">Called once if another holds the lock.</param>
    /// <param name="cancel">Ends the wait.</param>
    public static async Task<FileLock> Take(string path, Action waiting, CancellationToken cancel)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        for (bool isFirst = true; ; isFirst = false)
        {
            cancel.ThrowIfCancellationRequested();
            if (TryOpen(path) is { } file)
            {
                return new FileLock(file);
            }

            if (isFirst)
            {
                waiting();
            }

            await Task.Delay(Pause, cancel).ConfigureAwait(false);
        }
    }

    /// <summary>Frees the lock.</summary>
    public void Dispose() => _file.Dispose();

    private static FileStream? TryOpen(string path)
    {
        FileStream file;
        try
        {
            file = new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None, bufferSize: 0);
        }
        catch (IOException held) when (IsHeld(held))
        {
            return null;
        }

        // Another client may have removed the file between our opening and our locking it: then the lock is on nothing.
        if (File.Exists(path))
        {
            return file;
        }

        file.Dispose();
        return null;
    }

    // EWOULDBLOCK of flock (Linux 11, macOS 35), or a sharing violation on Windows.
    private static bool IsHeld(IOException failure) => (failure.HResult & 0xFFFF) is 11 or 35 or 32;
}
