using System.Text;
using Lorikeet.Nn.Weights.Interop;

namespace Lorikeet.Nn.Weights;

/// <summary>
/// Keeps a folder to one writing process: a locked file in it, removed on disposal. The system drops the lock with the process, however
/// that ends, so a lock is never stale; a file that a killed process left behind means nothing.
/// </summary>
public sealed class FolderLock : IDisposable
{
    private readonly FileStream _file;

    private FolderLock(FileStream file) => _file = file;

    /// <summary>Takes the lock, or throws if another process (or another lock of this one) holds it.</summary>
    /// <param name="path">The lock's file; its folder must exist.</param>
    /// <param name="owner">Who takes it, for the message to others.</param>
    /// <exception cref="InvalidDataException">It is held; the message says by whom.</exception>
    /// <exception cref="IOException">The file cannot be made.</exception>
    public static FolderLock Take(string path, string owner)
    {
        FileStream file;
        try
        {
            file = new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None, bufferSize: 0, FileOptions.DeleteOnClose);
        }
        catch (IOException) when (HolderOf(path) is { } holder)
        {
            throw Held(path, holder);
        }

        try
        {
            file.SetLength(0);
            file.Write(Encoding.UTF8.GetBytes(owner));
            return new FolderLock(file);
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>Throws if somebody holds the lock.</summary>
    /// <exception cref="InvalidDataException">It is held; the message says by whom.</exception>
    public static void RequireFree(string path)
    {
        if (HolderOf(path) is { } holder)
        {
            throw Held(path, holder);
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _file.Dispose();

    private static string? HolderOf(string path)
    {
        if (!File.Exists(path))
        {
            return null;
        }

        try
        {
            using var probe = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 0);
            return null;
        }
        catch (FileNotFoundException)
        {
            return null;
        }
        catch (IOException)
        {
            return LockedText.Read(path) is { Length: > 0 } owner ? owner : "another process";
        }
    }

    private static InvalidDataException Held(string path, string holder) => new(
        $"{Path.GetDirectoryName(path)}: in use by {holder}. Wait for it or stop it, or choose another directory.");
}
