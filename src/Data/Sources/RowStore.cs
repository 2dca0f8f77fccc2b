using Microsoft.Win32.SafeHandles;

namespace Lorikeet.Data.Sources;

/// <summary>
/// Keeps unpacked rows for the length of a run: the first ones in memory, the others in a file that has no name and is gone with the
/// process, however it ends. Where the disk is full, rows are not kept and will be unpacked again.
/// </summary>
/// <param name="directory">Folder of the file.</param>
/// <param name="memoryBytes">Bytes kept in memory.</param>
internal sealed class RowStore(string directory, long memoryBytes = 64L << 20) : IDisposable
{
    private readonly Lock _lock = new();
    private SafeFileHandle? _file;
    private long _inMemory;
    private long _inFile;
    private bool _isFull;

    /// <summary>Bytes in the file.</summary>
    public long FileBytes => Volatile.Read(ref _inFile);

    /// <summary>Keeps a piece; null where there is no room for it.</summary>
    public Piece? Add(ReadOnlySpan<byte> bytes)
    {
        lock (_lock)
        {
            if (_inMemory + bytes.Length <= memoryBytes)
            {
                _inMemory += bytes.Length;
                return new Piece(bytes.ToArray(), null, 0);
            }

            if (_isFull)
            {
                return null;
            }

            try
            {
                _file ??= Open();
                RandomAccess.Write(_file, bytes, _inFile);
            }
            catch (Exception error) when (error is IOException or UnauthorizedAccessException)
            {
                _isFull = true;
                return null;
            }

            var piece = new Piece(null, _file, _inFile);
            _inFile += bytes.Length;
            return piece;
        }
    }

    public void Dispose() => _file?.Dispose();

    private SafeFileHandle Open()
    {
        Directory.CreateDirectory(directory);
        string path = Path.Combine(directory, $".rows-{Guid.NewGuid():N}");
        SafeFileHandle file = File.OpenHandle(path, FileMode.CreateNew, FileAccess.ReadWrite, FileShare.Delete, FileOptions.DeleteOnClose | FileOptions.RandomAccess);
        if (!OperatingSystem.IsWindows())
        {
            // Without a name it cannot outlive even a process that is killed.
            File.Delete(path);
        }

        return file;
    }

    /// <summary>Bytes that are kept.</summary>
    internal sealed record Piece(byte[]? Memory, SafeFileHandle? File, long Position)
    {
        /// <summary>A part of the bytes.</summary>
        public ReadOnlySpan<byte> Read(int start, int length)
        {
            if (Memory is not null)
            {
                return Memory.AsSpan(start, length);
            }

            byte[] bytes = new byte[length];
            for (int done = 0; done < length;)
            {
                int read = RandomAccess.Read(File!, bytes.AsSpan(done), Position + start + done);
                done += read > 0 ? read : throw new IOException("the file of unpacked rows was cut short");
            }

            return bytes;
        }
    }
}
