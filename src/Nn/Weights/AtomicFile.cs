using System.Text;
using Lorikeet.Nn.Weights.Interop;

namespace Lorikeet.Nn.Weights;

/// <summary>
/// Writes a file so that its name holds either the old content or the whole new one, whatever happens in between: a temporary file in
/// the same directory, flushed to disk, renamed, directory flushed.
/// </summary>
public static class AtomicFile
{
    /// <summary>How the names of files and directories end that are being written; they begin with a dot.</summary>
    public const string TemporarySuffix = ".lorikeet-tmp";

    /// <summary>Creates or replaces <paramref name="path"/> with what <paramref name="write"/> puts into the stream.</summary>
    public static void Write(string path, Action<Stream> write)
    {
        ArgumentNullException.ThrowIfNull(write);
        string full = Path.GetFullPath(path);
        string directory = Path.GetDirectoryName(full) ?? throw new ArgumentException($"'{path}' names no file.", nameof(path));
        string temporary = TemporaryPath(full);
        try
        {
            using (var stream = new FileStream(temporary, FileMode.CreateNew, FileAccess.Write, FileShare.None, bufferSize: 1 << 16))
            {
                write(stream);
                stream.Flush(flushToDisk: true);
            }

            File.Move(temporary, full, overwrite: true);
        }
        catch (ArgumentOutOfRangeException e) when (e.ParamName == "value")
        {
            // This is how .NET reports EFBIG.
            File.Delete(temporary);
            throw new IOException($"{full}: the file is too large for the file system or for a limit of this process (ulimit -f)", e);
        }
        catch
        {
            File.Delete(temporary);
            throw;
        }

        DurableDirectory.Flush(directory);
    }

    /// <summary>Creates or replaces a text file (UTF-8 without byte order mark).</summary>
    public static void WriteText(string path, string text) => Write(path, stream => stream.Write(Encoding.UTF8.GetBytes(text)));

    /// <summary>A hidden, unused name beside <paramref name="path"/>.</summary>
    internal static string TemporaryPath(string path) =>
        Path.Combine(Path.GetDirectoryName(path)!, $".{Path.GetFileName(path)}.{Guid.NewGuid():N}{TemporarySuffix}");
}
